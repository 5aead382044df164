import { TESTED_FIELDS, type TestedField, type TestRequest } from '../common/test-answer.ts';
import { BadRequest, objectIn } from './bad-request.ts';

/** Characters of a text. */
const LONGEST = 70_000;

/** @throws {BadRequest} */
export function testRequest(body: unknown): TestRequest {
  const { id, fields, tls, user, password } = objectIn('the request', body);
  return {
    id: textIn('id', id),
    fields: fieldsIn(objectIn('fields', fields)),
    tls: textIn('tls', tls),
    user: textIn('user', user),
    password: textIn('password', password),
  };
}

function fieldsIn(given: Readonly<Record<string, unknown>>): TestRequest['fields'] {
  const unknown = Object.keys(given).find((name) => !TESTED_FIELDS.some((field) => field === name));
  if (unknown !== undefined) throw new BadRequest(`fields has "${unknown.slice(0, 40)}", which no test reads`);
  const found = TESTED_FIELDS.filter((field) => given[field] !== undefined);
  return Object.fromEntries(found.map((field) => [field, valueIn(field, given[field])]));
}

function valueIn(field: TestedField, value: unknown): string | number | boolean {
  if (typeof value === 'boolean' || typeof value === 'number') return value;
  return textIn(field, value);
}

function textIn(name: string, value: unknown): string {
  if (typeof value === 'string' && value.length <= LONGEST) return value;
  throw new BadRequest(`${name} must be a text of at most ${LONGEST} characters`);
}
