import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { NODE_SETS, type NodeSetName, buildDialogs, pageOf } from './built-dialogs.ts';

// What the Flow Library reads by parsing the script: literals, written in the registerType call itself.
const LITERALS: Readonly<Record<NodeSetName, readonly string[]>> = {
  'mqtt-ack': [
    'category: "network"',
    'color: "#',
    'icon: "posthorn-ack.svg"',
    'inputs: 1',
    'outputs: 1',
    'defaults: {',
  ],
  'mqtt-connection': ['category: "config"', 'defaults: {', 'credentials: {'],
  'mqtt-in': ['category: "network"', 'color: "#', 'icon: "posthorn-in.svg"', 'inputs: 0', 'outputs: 1', 'defaults: {'],
  'mqtt-out': [
    'category: "network"',
    'color: "#',
    'icon: "posthorn-out.svg"',
    'inputs: 1',
    'outputs: 0',
    'defaults: {',
  ],
};

describe('the built page', () => {
  let outDir = '';

  before(async () => {
    outDir = await buildDialogs();
  });

  after(() => rmSync(outDir, { recursive: true, force: true }));

  for (const set of NODE_SETS) {
    describe(set, () => {
      it('registers its type with literals that the Flow Library can read', () => {
        const definition = definitionIn(pageOf(outDir, set), set);
        const missing = LITERALS[set].filter((literal) => !definition.includes(`\n    ${literal}`));
        assert.deepEqual(missing, []);
        assert.doesNotMatch(definition, /^ {4}(?: {2})?\.\.\./m, 'a spread hides what it spreads');
      });

      it('is one classic script that parses, and is not minified', () => {
        const scripts = [...pageOf(outDir, set).matchAll(/<script type="text\/javascript">([\s\S]*?)<\/script>/g)];
        assert.equal(scripts.length, 1);
        const script = scripts[0]?.[1] ?? '';
        assert.doesNotThrow(() => new Script(script));
        assert.ok(Math.max(...script.split('\n').map((line) => line.length)) < 500);
      });

      it('has its template and its help', () => {
        assert.ok(pageOf(outDir, set).includes(`data-template-name="${set}"`));
        const help = readFileSync(join(outDir, 'nodes', set, 'locales', 'en-US', `${set}.html`), 'utf8');
        assert.ok(help.includes(`data-help-name="${set}"`));
      });

      it('has the icon that it names', () => {
        const icon = /icon: "([^"]+)"/.exec(definitionIn(pageOf(outDir, set), set))?.[1];
        if (icon !== undefined) assert.ok(existsSync(join(outDir, 'nodes', set, 'icons', icon)));
      });
    });
  }
});

/** The object literal of the registerType call, by its indentation: the bundle is formatted by its builder. */
function definitionIn(page: string, set: NodeSetName): string {
  const start = page.indexOf(`RED.nodes.registerType("${set}", {\n`);
  const end = page.indexOf('\n  });', start);
  assert.ok(start >= 0 && end > start, `${set} is not registered with an object literal`);
  return page.slice(start, end);
}
