import { type Catalogue, catalogueOf, type FailureText, type FailureTexts } from './catalogue.ts';
import { failureTextIn } from './failure-text.ts';
import texts from './texts/en-US.json';

/** The language of the log, and of whatever nobody translates. */
export const ENGLISH_TEXTS: FailureTexts = texts;

export const ENGLISH: Catalogue = catalogueOf(ENGLISH_TEXTS);

/** The texts of a failure, whether its code is known or not. */
export function englishOf(id: string): FailureText {
  return failureTextIn(ENGLISH, id) ?? { short: id, means: '', doThis: '' };
}
