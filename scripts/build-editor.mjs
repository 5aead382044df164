// The editor half of the build: each node type's dialog code, bundled, in front of its templates, as Node-RED serves it.
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { FAILURES_SET, failureSections } from './failure-texts.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Writes `<outDir>/nodes/<set>/<set>.html` with the locales and icons beside it, for every `nodes/<set>/<set>.editor.ts`.
 *
 * @param {string} outDir the folder that mirrors the package's root, such as `dist`
 * @returns {string[]} the names of the sets
 * @throws Error where a dialog's code does not bundle
 */
export function buildEditor(outDir) {
  const sets = readdirSync(join(root, 'nodes')).filter((name) => existsSync(source(name, '.editor.ts')));
  for (const set of sets) {
    const target = join(outDir, 'nodes', set);
    mkdirSync(target, { recursive: true });
    writeFileSync(join(target, `${set}.html`), page(set));
    copyFolder(set, 'locales', target);
    copyFolder(set, 'icons', target);
    if (set === FAILURES_SET) addFailures(join(target, 'locales'));
  }
  return sets;
}

function source(set, suffix) {
  return join(root, 'nodes', set, set + suffix);
}

// Inline and readable: the Flow Library parses this script for the literal registerType call, and people debug it.
function page(set) {
  const script = bundle(set);
  if (/<\/script/i.test(script)) {
    throw new Error(`${set}.editor.ts contains "</script", which would end the script element`);
  }
  return `<script type="text/javascript">\n${script}</script>\n\n${readFileSync(source(set, '.html'), 'utf8')}`;
}

function bundle(set) {
  const result = buildSync({
    entryPoints: [source(set, '.editor.ts')],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2020',
    charset: 'utf8',
    legalComments: 'none',
  });
  return result.outputFiles[0].text;
}

function copyFolder(set, folder, target) {
  const from = join(root, 'nodes', set, folder);
  if (existsSync(from)) cpSync(from, join(target, folder), { recursive: true });
}

/** The texts of failures have their own place in the source, and in the editor that of the set that every flow has. */
function addFailures(locales) {
  for (const language of readdirSync(locales)) {
    const file = join(locales, language, `${FAILURES_SET}.json`);
    const catalogue = { ...JSON.parse(readFileSync(file, 'utf8')), ...failureSections(language) };
    writeFileSync(file, JSON.stringify(catalogue, undefined, 2));
  }
}
