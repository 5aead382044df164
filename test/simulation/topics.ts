/** Whether a Topic Filter matches a Topic Name (4.7), as the Server sees it. */
export function matches(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}

/** Whether every topic that `narrow` matches is matched by `wide`. */
export function coversFilter(wide: string, narrow: string): boolean {
  const levels = narrow.split('/');
  const wanted = wide.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    const other = levels[index];
    if (other === undefined || other === '#' || (level !== '+' && level !== other)) return false;
  }
  return wanted.length === levels.length;
}
