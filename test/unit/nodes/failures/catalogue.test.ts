import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { catalogueOf, type FailureText, hexOf } from '../../../../nodes/failures/catalogue.ts';
import { ENGLISH } from '../../../../nodes/failures/english.ts';
import { failureText, type Translate } from '../../../../nodes/failures/failure-text.ts';
import { REASON_CODES_OF } from '../../../../src/protocol/packet-reason-codes.ts';
import { buildDialogs } from '../editor/built-dialogs.ts';
import { LANGUAGES, textsOf } from './languages.ts';

const OTHERS = [...LANGUAGES.keys()].filter((language) => language !== 'en-US');

/** By the first part of the id: the packets that bring such a Reason Code. */
const PACKETS = {
  refused: ['connack'],
  disconnected: ['disconnect'],
  subscribe: ['suback', 'suback3'],
  unsubscribe: ['unsuback'],
  publish: ['puback', 'pubrec'],
  release: ['pubrel', 'pubcomp'],
} as const;

/** What is not said in words, and so may be the same in any language. */
const NO_WORDS = new Set(['format.code', 'format.tls']);

/** Codes of system and TLS that people met, each with a text of its own. */
const MET = {
  network: [
    'ECONNREFUSED',
    'ECONNRESET',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ETIMEDOUT',
    'EPIPE',
  ],
  tls: [
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'to-plain-port',
  ],
};

describe('the catalogue of failures', () => {
  it('is there in the languages of the dialogs', () => {
    assert.deepEqual([...LANGUAGES.keys()].sort(), ['de', 'en-US', 'es-ES', 'fr', 'ja', 'ro', 'zh-CN']);
  });

  it('has every error code of ours', () => {
    const codes = errorCodes();
    assert.ok(codes.length > 30);
    assert.deepEqual(
      codes.filter((code) => !ENGLISH.has(`client.${code}`)),
      [],
    );
  });

  for (const [kind, packets] of Object.entries(PACKETS)) {
    it(`has every reason code of ${packets.join(' and ').toUpperCase()}, and none besides`, () => {
      const codes = new Set(packets.flatMap((packet) => [...REASON_CODES_OF[packet]].map(hexOf)));
      const known = [...ENGLISH.keys()].filter((id) => id.startsWith(`${kind}.`)).map((id) => id.split('.')[1]);
      assert.deepEqual(new Set(known), new Set([...codes, 'other']));
    });
  }

  it('has the codes of network and TLS that people meet, and the ports that are taken for others', () => {
    const ids = Object.entries(MET).flatMap(([kind, codes]) => [...codes, 'other'].map((code) => `${kind}.${code}`));
    assert.deepEqual(
      [...ids, 'plain-to-tls-port', 'http-port'].filter((id) => !ENGLISH.has(id)),
      [],
    );
  });

  for (const [language, texts] of LANGUAGES) {
    const catalogue = catalogueOf(texts);

    it(`${language}: has each failure, and says of each what it is, what it means and what to do`, () => {
      assert.deepEqual([...catalogue.keys()], [...ENGLISH.keys()]);
      const empty = [...catalogue].filter(([, text]) => partsOf(text).some((part) => part.trim() === ''));
      assert.deepEqual(empty, []);
    });

    it(`${language}: its short texts are short enough to stand under a node`, () => {
      const long = [...catalogue].filter(([, { short }]) => short.length > 55);
      assert.deepEqual(long, []);
    });

    it(`${language}: nothing in it is taken for something else by the editor`, () => {
      const texts = [...catalogue.values()].flatMap(partsOf);
      assert.deepEqual(
        texts.filter((text) => text.includes('$t(')),
        [],
      );
    });
  }

  for (const language of OTHERS) {
    const own = rowsOf(textsOf(language));
    const english = rowsOf(textsOf('en-US'));

    it(`${language}: has what English has, with the same placeholders`, () => {
      assert.deepEqual([...own.keys()], [...english.keys()]);
      const different = [...own].filter(([key, text]) => placeholders(text) !== placeholders(english.get(key) ?? ''));
      assert.deepEqual(different, []);
    });

    it(`${language}: nothing in it is English`, () => {
      const copied = [...own].filter(([key, text]) => text === english.get(key) && !NO_WORDS.has(key));
      assert.deepEqual(copied, []);
    });

    it(`${language}: what is one text in English is one there`, () => {
      const catalogue = catalogueOf(textsOf(language));
      const first = new Map([...ENGLISH].map(([id, { short }]) => [short, catalogue.get(id)?.short]));
      const apart = [...ENGLISH].filter(([id, { short }]) => catalogue.get(id)?.short !== first.get(short));
      assert.deepEqual(apart, []);
    });
  }
});

describe('the catalogue of failures, as the editor has it', () => {
  let outDir = '';

  before(async () => {
    outDir = await buildDialogs();
  });

  after(() => rmSync(outDir, { recursive: true, force: true }));

  for (const [language, texts] of LANGUAGES) {
    it(`${language}: finds the texts of each by its id`, () => {
      const translate = editorIn(language);
      const catalogue = catalogueOf(texts);
      for (const [id, text] of catalogue) assert.deepEqual(failureText(id, translate), text);
    });

    it(`${language}: says of a code that nobody foresaw what kind it is, and the code`, () => {
      const translate = editorIn(language);
      for (const id of ['network.EWHATEVER', 'tls.ERR_SSL_SSL/TLS_ALERT_WHATEVER', 'refused.0xf0', 'publish.0xc8']) {
        const { short, means, doThis } = failureText(id, translate);
        const [, code = ''] = id.split('.');
        assert.ok(short.includes(`(${code})`), short);
        assert.ok(means.includes(code), means);
        assert.notEqual(doThis, '');
      }
    });
  }

  /** What `RED._` does with the catalogue that was built. */
  function editorIn(language: string): Translate {
    const file = join(outDir, `nodes/mqtt-connection/locales/${language}/mqtt-connection.json`);
    const catalogue = JSON.parse(readFileSync(file, 'utf8')) as object;
    return (key, values = {}) => {
      const [namespace, path = ''] = key.split(':');
      assert.equal(namespace, '@posthorn/node-red-mqtt/mqtt-connection');
      const found = path
        .split('.')
        .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], catalogue);
      const text = typeof found === 'string' ? found : String(values['defaultValue'] ?? key);
      return text.replace(/__(\w+?)__/g, (placeholder, name: string) => String(values[name] ?? placeholder));
    };
  }
});

/** The union has no values: its members are read from the source. */
function errorCodes(): string[] {
  const source = readFileSync(join(__dirname, '../../../../src/protocol/errors.ts'), 'utf8');
  const [, union = ''] = /MqttErrorCode =([^;]+);/.exec(source) ?? [];
  return [...union.matchAll(/'([a-z0-9-]+)'/g)].map(([, code = '']) => code);
}

function partsOf({ short, means, doThis }: FailureText): string[] {
  return [short, means, doThis];
}

/** Every text of a file by where it stands in it. */
function rowsOf(texts: object, prefix = ''): Map<string, string> {
  return new Map(
    Object.entries(texts).flatMap(([key, value]: [string, unknown]) =>
      typeof value === 'string' ? [[prefix + key, value]] : [...rowsOf(value as object, `${prefix}${key}.`)],
    ),
  );
}

function placeholders(text: string): string {
  return [...text.matchAll(/__\w+?__/g)]
    .map(([name]) => name)
    .sort()
    .join();
}
