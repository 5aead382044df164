/** Why a request makes no sense: a sentence for who sent it. */
export class BadRequest extends Error {}

/** The fields of a JSON object. @param name of what it is, for the sentence. @throws {BadRequest} it is none. */
export function objectIn(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new BadRequest(`${name} must be a JSON object`);
}
