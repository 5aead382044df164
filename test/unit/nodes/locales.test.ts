import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LANGUAGES as FAILURES, textsOf as failuresIn } from './failures/languages.ts';

type Catalogue = { readonly [key: string]: string | Catalogue };

const NODES = join(__dirname, '../../../nodes');
const SOURCE = 'en-US';
const LANGUAGES = ['de', SOURCE, 'es-ES', 'fr', 'ja', 'ro', 'zh-CN'];
const SETS = readdirSync(NODES).filter((name) => existsSync(join(NODES, name, 'locales')));

// A help text quotes what the dialog and the status show, and these are translated: all other code is the same everywhere.
const BUSY = '20 in the flow (12 s), 3 waiting, 1 late';
const OTHERS = 'others at QoS 1 and 2 may wait';
const QUOTED_TEXTS = ['connecting', 'connected', 'disconnected', 'Automatic', 'A parsed JSON object', BUSY, OTHERS];

describe('the languages', () => {
  it('belong to every node set', () => {
    assert.ok(SETS.length >= 3);
  });

  for (const set of SETS) {
    const languages = readdirSync(join(NODES, set, 'locales'));

    it(`${set}: all are there`, () => {
      assert.deepEqual(
        LANGUAGES.filter((language) => !languages.includes(language)),
        [],
      );
    });

    for (const language of languages) {
      it(`${set}: ${language} has every text with its placeholders`, () => {
        assert.deepEqual(textProblems(textsOf(set, SOURCE), textsOf(set, language)), []);
      });

      // A plugin has none.
      if (!existsSync(join(NODES, set, 'locales', SOURCE, `${set}.html`))) continue;

      it(`${set}: ${language} has the same parts of help`, () => {
        assert.deepEqual(helpProblems(helpOf(set, SOURCE), helpOf(set, language)), []);
      });
    }
  }

  it('quote in the help what the dialog offers', () => {
    const missing = readdirSync(join(NODES, 'mqtt-in', 'locales')).filter((language) => {
      const texts = textsOf('mqtt-in', language);
      const help = helpOf('mqtt-in', language).replace(/\s+/g, ' ');
      const [automatic = ''] = (texts.get('mqtt-in.datatype.auto-detect') ?? '').split(/ ?[(（]/);
      const json = texts.get('mqtt-in.datatype.json') ?? '';
      return !help.includes(`<code>${automatic}</code>`) || !help.includes(`<code>${json}</code>`);
    });
    assert.deepEqual(missing, []);
  });

  it('quote in the help what the status shows', () => {
    const missing = [...FAILURES.keys()].filter((language) => {
      const help = helpOf('mqtt-in', language).replace(/\s+/g, ' ');
      const { 'in-flow': inFlow, queued, late, 'others-wait': others } = failuresIn(language).status;
      const filled = inFlow.replace('__count__', '20').replace('__age__', '12 s');
      const busy = [filled, queued.replace('__count__', '3'), late.replace('__count__', '1')].join(', ');
      return !codeOf(help).includes(busy) || !codeOf(help).includes(others);
    });
    assert.deepEqual(missing, []);
  });

  for (const [set, key] of [
    ['mqtt-in', 'mqtt-in.acknowledge.flow'],
    ['mqtt-in', 'mqtt-in.label.acknowledge'],
    ['mqtt-ack', 'mqtt-ack.answer.msg'],
  ] as const) {
    it(`${set}: say ${key} in the help as the dialog does`, () => {
      const missing = readdirSync(join(NODES, set, 'locales')).filter((language) => {
        const help = helpOf(set, language).replace(/\s+/g, ' ');
        return !help.includes(textsOf(set, language).get(key) ?? '(missing)');
      });
      assert.deepEqual(missing, []);
    });
  }
});

describe('the check of a catalogue', () => {
  const source = texts({ a: { one: 'Drop __count__', two: 'Name' } });
  const planted: readonly (readonly [string, Catalogue, readonly string[]])[] = [
    ['a missing key', { a: { one: '__count__ weg' } }, ['a.two is missing']],
    ['a key too many', { a: { one: '__count__ weg', two: 'Name' }, b: 'neu' }, ['b is not in en-US']],
    ['an empty text', { a: { one: '__count__ weg', two: ' ' } }, ['a.two is empty']],
    ['a lost placeholder', { a: { one: 'weg', two: 'Name' } }, ['a.one has other placeholders']],
    ['a translated placeholder', { a: { one: '__zahl__ weg', two: 'Name' } }, ['a.one has other placeholders']],
  ];

  for (const [what, catalogue, problems] of planted) {
    it(`sees ${what}`, () => assert.deepEqual(textProblems(source, texts(catalogue)), problems));
  }

  it('accepts a whole one', () => {
    assert.deepEqual(textProblems(source, texts({ a: { two: 'Name', one: 'Weg: __count__' } })), []);
  });
});

describe('the check of a help text', () => {
  const source = help('<h3>Inputs</h3><dl><dt>qos</dt><dd>see <code>msg.qos</code></dd></dl>');
  const planted: readonly (readonly [string, string])[] = [
    ['a missing heading', '<dl><dt>qos</dt><dd><code>msg.qos</code></dd></dl>'],
    ['a missing entry', '<h3>Eingang</h3><dl></dl><p><code>msg.qos</code></p>'],
    ['code that differs', '<h3>Eingang</h3><dl><dt>qos</dt><dd><code>msg.qqs</code></dd></dl>'],
    ['a term that differs', '<h3>Eingang</h3><dl><dt>qqs</dt><dd><code>msg.qos</code></dd></dl>'],
  ];

  for (const [what, html] of planted) {
    it(`sees ${what}`, () => assert.equal(helpProblems(source, help(html)).length, 1));
  }

  it('sees the help of another node', () => {
    assert.equal(helpProblems(source, source.replace('mqtt-x', 'mqtt-y')).length, 1);
  });

  it('accepts a whole one', () => {
    const translated = help('<h3>Eingang</h3>\n<dl><dt>qos</dt>\n<dd><code>msg.qos</code> sagt es</dd></dl>');
    assert.deepEqual(helpProblems(source, translated), []);
  });
});

/** The texts of a set by their dotted keys. */
function textsOf(set: string, language: string): ReadonlyMap<string, string> {
  return texts(JSON.parse(localeFile(set, language, 'json')) as Catalogue);
}

function helpOf(set: string, language: string): string {
  return localeFile(set, language, 'html');
}

function localeFile(set: string, language: string, kind: 'json' | 'html'): string {
  return readFileSync(join(NODES, set, 'locales', language, `${set}.${kind}`), 'utf8');
}

function texts(catalogue: Catalogue): ReadonlyMap<string, string> {
  return new Map(entries(catalogue, ''));
}

function entries(catalogue: Catalogue, prefix: string): (readonly [string, string])[] {
  return Object.entries(catalogue).flatMap(([key, value]) =>
    typeof value === 'string' ? [[prefix + key, value] as const] : entries(value, `${prefix}${key}.`),
  );
}

function textProblems(source: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): string[] {
  return [
    ...[...source].flatMap(([key, text]) => textProblem(key, text, other.get(key))),
    ...[...other.keys()].filter((key) => !source.has(key)).map((key) => `${key} is not in ${SOURCE}`),
  ];
}

function textProblem(key: string, text: string, translated: string | undefined): string[] {
  if (translated === undefined) return [`${key} is missing`];
  if (translated.trim() === '') return [`${key} is empty`];
  return String(placeholders(translated)) === String(placeholders(text)) ? [] : [`${key} has other placeholders`];
}

function placeholders(text: string): string[] {
  return [...text.matchAll(/__\w+?__/g)].map(([name]) => name).sort();
}

/** The first difference in the sequence of elements, the terms that are property names, or the code. */
function helpProblems(source: string, other: string): string[] {
  const fixed = codeOf(source).filter((text) => !QUOTED_TEXTS.includes(text));
  const kept = codeOf(other).filter((text) => fixed.includes(text));
  return [
    ...firstDifference('element', elements(source), elements(other)),
    ...firstDifference('term', terms(source), terms(other)),
    ...firstDifference('code', fixed.sort(), kept.sort()),
    ...firstDifference('number of code', [String(codeOf(source).length)], [String(codeOf(other).length)]),
  ].slice(0, 1);
}

function firstDifference(kind: string, wanted: readonly string[], found: readonly string[]): string[] {
  const length = Math.max(wanted.length, found.length);
  const at = Array.from({ length }, (_, index) => index).find((index) => wanted[index] !== found[index]);
  return at === undefined ? [] : [`${kind} ${at + 1} is ${found[at] ?? 'missing'}, not ${wanted[at] ?? 'there'}`];
}

/** The opening tags in their order, without `code`, whose place in a sentence is the language's own; a formatter may break a tag. */
function elements(html: string): string[] {
  return [...html.matchAll(/<[a-z][^>]*>/g)]
    .map(([tag]) => tag.replace(/\s+/g, ' ').replace(' >', '>'))
    .filter((tag) => tag !== '<code>');
}

/** The terms that are names of message properties, which no language translates; a label begins with a capital. */
function terms(html: string): string[] {
  return [...html.matchAll(/<dt[^>]*>\s*([a-z][A-Za-z]*)\s*</g)].map(([, name]) => name ?? '');
}

/** What is quoted from the dialog counts as code, but may say anything: it is translated. */
function codeOf(html: string): string[] {
  return [...html.matchAll(/<code\s*>([^<]*)<\/code\s*>/g)].map(([, text]) => text ?? '');
}

function help(body: string): string {
  return `<script type="text/html" data-help-name="mqtt-x">${body}</script>`;
}
