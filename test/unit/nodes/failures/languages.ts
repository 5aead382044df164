import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FailureTexts } from '../../../../nodes/failures/catalogue.ts';

const FOLDER = join(__dirname, '../../../../nodes/failures/texts');

/** The texts of failures by their language. */
export const LANGUAGES: ReadonlyMap<string, FailureTexts> = new Map(
  readdirSync(FOLDER).map((file) => [
    file.replace('.json', ''),
    JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as FailureTexts,
  ]),
);

export function textsOf(language: string): FailureTexts {
  const texts = LANGUAGES.get(language);
  if (texts === undefined) throw new Error(`there is no ${language}`);
  return texts;
}
