import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { NODE_SETS, buildDialogs, catalogueOf, pageOf } from './built-dialogs.ts';

const PACKAGE = '@posthorn/node-red-mqtt';

describe('the dialogs', () => {
  let outDir = '';

  before(async () => {
    outDir = await buildDialogs();
  });

  after(() => rmSync(outDir, { recursive: true, force: true }));

  for (const set of NODE_SETS) {
    it(`${set}: every text is in a catalogue`, () => {
      const keys = [...pageOf(outDir, set).matchAll(/data-i18n="(?:\[\w+\])?([^"]+)"/g)].map(([, key]) => key ?? '');
      assert.ok(keys.length > 5);
      assert.deepEqual(
        keys.filter((key) => typeof textFor(outDir, set, key) !== 'string'),
        [],
      );
    });

    it(`${set}: every sentence that its code asks for is in a catalogue`, () => {
      const calls = [...pageOf(outDir, set).matchAll(/text\(\s*"([\w-]+)",\s*(["`])([^"`]+)\2/g)];
      const missing = calls
        .map(([, namespace = '', , key = '']) => `${PACKAGE}/${namespace}:${namespace}.${key}`)
        .filter((key) => !key.includes('${') && typeof textFor(outDir, set, key) !== 'string');
      assert.ok(calls.length > 0);
      assert.deepEqual(missing, []);
    });

    it(`${set}: every field has a label`, () => {
      const page = pageOf(outDir, set);
      const labelled = new Set([...page.matchAll(/<label\s[^>]*for="([^"]+)"/g)].map(([, id]) => id));
      const fields = [...page.matchAll(/<(?:input|select)\s[^>]*id="([^"]+)"[^>]*>/g)]
        .filter(([field]) => !field.includes('type="hidden"'))
        .map(([, id]) => id);
      assert.ok(fields.length > 1);
      assert.deepEqual(
        fields.filter((id) => !labelled.has(id)),
        [],
      );
    });

    it(`${set}: every stored property has its field or is kept by the code`, () => {
      const page = pageOf(outDir, set);
      const [, defaults = ''] = /\n {4}defaults: \{\n([\s\S]*?)\n {4}\}/.exec(page) ?? [];
      const stored = [...defaults.matchAll(/^ {6}(\w+): \{/gm)].map(([, name]) => name ?? '');
      const withoutField = stored.filter((name) => !new RegExp(`id="node-(?:config-)?input-${name}"`).test(page));
      const byCode = set === 'mqtt-connection' ? ['compatmode', 'birthMsg', 'closeMsg', 'willMsg'] : [];
      assert.ok(stored.length > 1);
      assert.deepEqual(withoutField, byCode);
    });
  }
});

function textFor(outDir: string, set: string, key: string): unknown {
  const [namespace, path] = key.includes(':') ? (key.split(':') as [string, string]) : [`${PACKAGE}/${set}`, key];
  const name = NODE_SETS.find((candidate) => namespace === `${PACKAGE}/${candidate}`);
  if (name === undefined) return undefined;
  const parts = path.split('.');
  return parts.reduce<unknown>(
    (at, part) => (at as Record<string, unknown> | undefined)?.[part],
    catalogueOf(outDir, name),
  );
}
