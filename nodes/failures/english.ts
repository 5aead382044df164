import { type Catalogue, catalogueOf, type FailureTexts } from './catalogue.ts';
import texts from './texts/en-US.json';

/** The language of the log, and of whatever nobody translates. */
export const ENGLISH_TEXTS: FailureTexts = texts;

export const ENGLISH: Catalogue = catalogueOf(ENGLISH_TEXTS);
