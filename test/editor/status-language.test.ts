import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { catalogueOf } from '../../nodes/failures/catalogue.ts';
import { optionalTool } from '../support/optional.ts';
import { freePort } from '../support/ports.ts';
import { textsOf } from '../unit/nodes/failures/languages.ts';
import { startBrowser } from './browser.ts';
import { EditorPage } from './editor-page.ts';
import { NodeRedProcess } from './node-red-process.ts';

const LANGUAGES = ['de', 'fr', 'es-ES', 'ro', 'ja', 'zh-CN', 'en-US'];

/** What cannot connect, with a message that waits. */
const flow = (port: number): object[] => [
  { id: 'tab', type: 'tab', label: 'Flow' },
  { id: 'c', type: 'mqtt-connection', name: 'The house', broker: '127.0.0.1', port, protocolVersion: '5' },
  { id: 'wrong', type: 'mqtt-connection', name: 'The web', broker: 'http://127.0.0.1' },
  { id: 'in', type: 'mqtt-in', z: 'tab', x: 160, y: 80, topic: 'house/#', qos: '1', broker: 'c', wires: [[]] },
  { id: 'out', type: 'mqtt-out', z: 'tab', x: 460, y: 80, topic: 'house/1', qos: '1', broker: 'c', wires: [] },
  { id: 'off', type: 'mqtt-in', z: 'tab', x: 160, y: 200, topic: 'a', qos: '1', broker: 'wrong', wires: [[]] },
  { id: 'inject', type: 'inject', z: 'tab', x: 460, y: 200, props: [{ p: 'payload' }], wires: [['out']] },
];

describe('the status in the language of the editor, in a real browser (skipped without Chromium)', function () {
  this.timeout(60_000);
  let nodeRed: NodeRedProcess | undefined;
  let browser: Browser | undefined;

  before(async function () {
    const chromium = optionalTool('chromium');
    if (chromium === undefined) return this.skip();
    nodeRed = await NodeRedProcess.start();
    await nodeRed.deploy(flow(await freePort()));
    browser = await startBrowser(chromium);
  });

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
  });

  for (const language of LANGUAGES) {
    it(`${language}: says why it does not connect, what is wrong with a setting, and how many wait`, async () => {
      const page = await browser?.newPage({ locale: language, viewport: { width: 1400, height: 900 } });
      assert.ok(page !== undefined && nodeRed !== undefined);
      const editor = new EditorPage(page);
      await editor.open(nodeRed.url);
      const failures = catalogueOf(textsOf(language));
      const refused = failures.get('network.ECONNREFUSED')?.short ?? '';
      await editor.awaitStatus('in', refused);
      await editor.awaitStatus('off', failures.get('client.invalid-server')?.short ?? '');
      // The first page finds mqtt-out without anything that waits.
      await fetch(new URL('inject/inject', nodeRed.url), { method: 'POST' });
      const [before = '', behind = ''] = textsOf(language)
        .status.waiting.split(/__count__|__age__/)
        .slice(1);
      const waiting = new RegExp(String.raw`^${refused}, \d+${escaped(before)}\d+ (?:s|min)${escaped(behind)}$`);
      await editor.awaitStatus('out', waiting);
      assert.deepEqual(editor.errors, []);
      await page.close();
    });
  }
});

function escaped(text: string): string {
  return text.replaceAll(/[()]/g, String.raw`\$&`);
}
