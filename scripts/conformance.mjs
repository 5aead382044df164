// Writes docs/conformance.md: each statement of scripts/conformance-rules.mjs, the files that keep it, and the tests
// that name it in their titles. Usage: conformance.mjs [--check: write nothing, fail where the document is not what it
// would be]. Either way it fails where a statement has no test, a title names one that is not in the table, or a file is
// not there.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { SECTIONS } from './conformance-rules.mjs';
import { bring, cell, table } from './document.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TESTS = ['test/unit/**/*.test.ts', 'test/integration/**/*.test.ts'];
const NUMBER = /\[MQTT-(\d[\d.]*(?:-\d+)?)( of 3\.1(?:\.1)?)?\]/g;
const NUMBERS = new RegExp(`\\s*${NUMBER.source}`, 'g');

/** Titles of one file that are written out; of the others the number is told. */
const MOST_TITLES = 2;

const rules = SECTIONS.flatMap(({ title, rules: rows }) =>
  rows.map(([v5, v3 = '', rule, files]) => ({ section: title, v5, v3: v3.split(', '), rule, ...keepers(files) })),
);
const shown = shownBy(titles());
await bring('docs/conformance.md', document(), [...missing(), ...unknown(), ...absent()]);

/** The files that keep a rule, or why none does. */
function keepers(files) {
  return files.startsWith('not appli')
    ? { files: [], without: files }
    : { files: files.split(' '), without: undefined };
}

/** What mocha would run: the full title of each test and its file. */
function titles() {
  const mocha = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'bin', 'mocha.js');
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-conformance-'));
  const report = join(folder, 'titles.json');
  try {
    const options = ['--dry-run', '--reporter', 'json', '--reporter-option', `output=${report}`];
    const run = spawnSync(process.execPath, [mocha, ...options, ...TESTS], { cwd: ROOT, encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`mocha told no titles: ${run.stdout}${run.stderr}`);
    // Those that are skipped are not among the passes.
    return JSON.parse(readFileSync(report, 'utf8')).passes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** By number as titles write it: files, and in each the titles; where a whole suite has the number, its title alone. */
function shownBy(tests) {
  const found = new Map();
  for (const { fullTitle, title, file } of tests) {
    for (const match of fullTitle.matchAll(NUMBER)) {
      const [number] = match;
      const own = title.includes(number);
      const words = own ? fullTitle : fullTitle.slice(0, match.index);
      const files = found.get(number) ?? found.set(number, new Map()).get(number);
      const path = relative(ROOT, file).replaceAll(sep, '/');
      const cited = files.get(path) ?? files.set(path, new Set()).get(path);
      cited.add(words.replaceAll(NUMBERS, '').trim());
    }
  }
  return found;
}

function namesOf({ v5, v3 }) {
  const older = v3.map((number) => (number.includes(' of ') ? `[MQTT-${number}]` : `[MQTT-${number} of 3.1.1]`));
  return v5 === undefined ? older : [`[MQTT-${v5}]`, ...older];
}

function isShown(rule) {
  return namesOf(rule).some((name) => shown.has(name));
}

function missing() {
  return rules
    .filter((rule) => isShown(rule) !== (rule.without === undefined))
    .map(
      (rule) =>
        `${namesOf(rule)[0]} ${rule.without === undefined ? 'has no test' : 'has a test, and is not applicable'}`,
    );
}

function unknown() {
  const known = new Set(rules.flatMap(namesOf));
  return [...shown.keys()]
    .filter((name) => !known.has(name))
    .map((name) => `${name} is in a title and not in the table`);
}

function absent() {
  const files = new Set(rules.flatMap((rule) => rule.files));
  return [...files].filter((file) => !existsSync(join(ROOT, 'src', file))).map((file) => `src/${file} is not there`);
}

function document() {
  const without = rules.filter((rule) => rule.without !== undefined).length;
  return [
    '# Conformance',
    'The statements of MQTT 5.0 that bind a client, and those of 3.1.1 and 3.1 that differ, in our words: the file in `src/` that keeps each, and the tests that show it. A rule for the Server is kept by noticing that it is broken. The number is that of the specification, as in [MQTT-3.1.0-1]; for the last table that of a section.',
    `${rules.length} rules: ${rules.length - without} shown by tests, ${without} not applicable or not applied.`,
    'Written by `node scripts/conformance.mjs`, from `scripts/conformance-rules.mjs` and the titles of the tests.',
    ...SECTIONS.flatMap(({ title }) => [
      `## ${title}`,
      table(['5.0', '3.1.1', 'rule', 'kept in', 'shown by'], rules.filter(({ section }) => section === title).map(row)),
    ]),
  ].join('\n\n');
}

function row(rule) {
  const { v5 = '–', v3, files, without } = rule;
  return [
    v5,
    v3.join(', ') || '–',
    cell(rule.rule),
    files.map((file) => `\`${file}\``).join('<br>') || '–',
    without ?? citations(rule),
  ];
}

function citations(rule) {
  return namesOf(rule)
    .flatMap((name) => [...(shown.get(name) ?? [])])
    .map(([file, words]) => `\`${file}\`: ${fewOf([...words])}`)
    .join('<br>');
}

function fewOf(words) {
  const first = words.slice(0, MOST_TITLES).map(cell).join('; ');
  return words.length > MOST_TITLES ? `${first}; and ${words.length - MOST_TITLES} more` : first;
}
