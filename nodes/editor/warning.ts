/** Shows the warnings in the box, one per line, or hides the box where there are none. Not an error: it may be meant. */
export function showWarnings(selector: string, warnings: readonly string[]): void {
  const lines = warnings.map((warning) => $('<div>').text(warning));
  $(selector)
    .empty()
    .append(lines)
    .toggle(lines.length > 0);
}
