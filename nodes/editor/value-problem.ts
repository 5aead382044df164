/** What is wrong with a value, as a key of the catalogue (`valueProblem.<key>`) and the values its sentence names. */
export interface ValueProblem {
  readonly key: 'notWhole' | 'notNumber' | 'outOfRange' | 'notJson' | 'notObject';
  readonly values: Readonly<Record<string, string | number>>;
}

export interface NumberRange {
  readonly least: number;
  readonly most: number;
  /** Fractions are allowed; default: only whole numbers. */
  readonly fraction?: boolean;
}

/** Why a number field's value is not a number within `range`; blank is no problem, it means the default. */
export function numberProblem(value: unknown, range: NumberRange): ValueProblem | undefined {
  const text = typedText(value).trim();
  if (text === '' || mentionsEnvironment(text)) return undefined;
  const number = Number(text);
  if (!Number.isFinite(number)) return { key: 'notNumber', values: { value: text } };
  if (range.fraction !== true && !Number.isInteger(number)) return { key: 'notWhole', values: { value: text } };
  if (number < range.least || number > range.most) {
    return { key: 'outOfRange', values: { value: text, least: range.least, most: range.most } };
  }
  return undefined;
}

/** Why a User Properties field is not a JSON object; blank is no problem. */
export function userPropertiesProblem(value: unknown): ValueProblem | undefined {
  const text = typedText(value).trim();
  if (text === '' || mentionsEnvironment(text)) return undefined;
  const parsed = parseJson(text);
  if (parsed === undefined) return { key: 'notJson', values: { value: text } };
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  return isObject ? undefined : { key: 'notObject', values: { value: text } };
}

function typedText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

// The runtime replaces it before the value is used, so the dialog cannot judge it.
function mentionsEnvironment(text: string): boolean {
  return /^\$\{[^}]+\}$/.test(text);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // JSON has no undefined, so it can say "not JSON"
  }
}
