// The texts of nodes/failures for the build: what the editor gets of them in its catalogue of a language.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { register } from 'tsx/cjs/api';

// From here on TypeScript can be required.
register();
const { catalogueOf } = createRequire(import.meta.url)('../nodes/failures/catalogue.ts');

/** The node set whose catalogue in the editor has them: `NAMESPACE` of nodes/failures/failure-text.ts. */
export const FAILURES_SET = 'mqtt-connection';

/**
 * The sections `failure` and `status` of the catalogue, by the dotted keys of nodes/failures.
 *
 * @param {string} language such as `de`
 */
export function failureSections(language) {
  const texts = JSON.parse(readFileSync(new URL(`../nodes/failures/texts/${language}.json`, import.meta.url), 'utf8'));
  return { status: texts.status, failure: nested(catalogueOf(texts)) };
}

function nested(catalogue) {
  const root = {};
  for (const [id, text] of catalogue) {
    const [kind, code] = id.split('.');
    if (code === undefined) root[kind] = text;
    else (root[kind] ??= {})[code] = text;
  }
  return root;
}
