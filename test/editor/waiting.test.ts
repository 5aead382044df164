import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { optionalTool } from '../support/optional.ts';
import { freePort } from '../support/ports.ts';
import { startBrowser } from './browser.ts';
import { EditorPage } from './editor-page.ts';
import { NodeRedProcess } from './node-red-process.ts';
import { screenshotFolder } from './screenshots.ts';

interface EditorWindow {
  readonly RED: { readonly nodes: { node(id: string): unknown } };
}

interface Answer {
  readonly isKnown: boolean;
  readonly messages: number;
  readonly bytes: number;
  readonly oldest: number;
}

const inject = (id: string, payload: string, payloadType: string): object => ({
  id,
  type: 'inject',
  z: 'tab',
  x: 120,
  y: 40,
  props: [{ p: 'payload' }],
  payload,
  payloadType,
  wires: [['out']],
});

/** What a connection keeps for a broker that is not there. */
const flow = (port: number): object[] => [
  { id: 'tab', type: 'tab', label: 'Flow' },
  { id: 'c', type: 'mqtt-connection', name: 'The house', broker: '127.0.0.1', port, protocolVersion: '5' },
  inject('text', 'warm', 'str'),
  inject('bytes', '[255]', 'bin'),
  { id: 'out', type: 'mqtt-out', z: 'tab', x: 360, y: 80, topic: 'house/1', qos: '1', broker: 'c', wires: [] },
];

// In order: each step stands on the one before.
describe('what waits for a broker that is away', function () {
  this.timeout(60_000);
  let nodeRed: NodeRedProcess;

  const ask = (path: string, method = 'GET'): Promise<Response> =>
    fetch(new URL(`posthorn/outbox/${path}`, nodeRed.url), { method });

  before(async () => {
    nodeRed = await NodeRedProcess.start();
    const headers = { 'content-type': 'application/json', 'Node-RED-API-Version': 'v2' };
    const body = JSON.stringify({ flows: flow(await freePort()) });
    const response = await fetch(new URL('flows', nodeRed.url), { method: 'POST', headers, body });
    assert.equal(response.status, 200, await response.text());
    // Node-RED answers before it has made the nodes, and their session is opened behind that.
    while (!(await isOpen())) await new Promise((resolve) => setTimeout(resolve, 10));
  });

  after(() => nodeRed?.stop());

  async function isOpen(): Promise<boolean> {
    const response = await ask('c');
    return response.status === 200 && ((await response.json()) as Answer).isKnown;
  }

  async function outbox(): Promise<Answer> {
    return (await (await ask('c')).json()) as Answer;
  }

  /** By the button of an Inject node. */
  async function press(id: string): Promise<void> {
    const { messages } = await outbox();
    await fetch(new URL(`inject/${id}`, nodeRed.url), { method: 'POST' });
    for (let waiting = messages; waiting === messages;) waiting = (await outbox()).messages;
  }

  describe('is told to who asks Node-RED', () => {
    it('in numbers, which are 0 where nothing waits', async () => {
      assert.deepEqual(await outbox(), { isKnown: true, messages: 0, bytes: 0, oldest: 0 });
      await press('text');
      const { messages, bytes } = await outbox();
      assert.deepEqual([messages, bytes > 11], [1, true]);
    });

    it('as a file, one message a line, named as mqtt-out reads it', async () => {
      await press('bytes');
      const response = await ask('c/messages');
      assert.match(response.headers.get('content-type') ?? '', /^application\/x-ndjson/);
      const lines = (await response.text()).trim().split('\n');
      const [text, bytes] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      assert.equal(lines.length, 2);
      assert.ok(Math.abs(Date.parse(String(text?.['acceptedAt'])) - Date.now()) < 60_000);
      const rest = { topic: 'house/1', qos: 1, retain: false, acceptedAt: '', sent: false };
      assert.deepEqual({ ...text, acceptedAt: '' }, { ...rest, payload: 'warm' });
      assert.deepEqual({ ...bytes, acceptedAt: '' }, { ...rest, payloadBase64: '/w==' });
    });

    it('not of what is no connection, or is not there', async () => {
      for (const path of ['out', 'nobody', '__proto__']) assert.equal((await ask(path)).status, 204, path);
      assert.equal((await ask('nobody/messages')).status, 404);
      assert.equal((await ask('nobody/messages', 'DELETE')).status, 404);
    });
  });

  describe('in the dialog, in a real browser (skipped without Chromium)', () => {
    let browser: Browser | undefined;
    let page: Page;
    let editor: EditorPage;
    let images = '';

    before(async function () {
      const chromium = optionalTool('chromium');
      if (chromium === undefined) return this.skip();
      images = screenshotFolder();
      browser = await startBrowser(chromium);
      page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
      editor = new EditorPage(page);
      await editor.open(nodeRed.url);
    });

    afterEach(async function () {
      if (this.currentTest?.state !== 'failed') return;
      await editor.screenshot(join(tmpdir(), 'posthorn-screenshots-failure.png'));
    });

    after(() => browser?.close());

    const shows = (text: string | RegExp): Promise<void> =>
      editor.find('#posthorn-waiting-text').getByText(text).waitFor();

    const exists = (id: string): Promise<boolean> =>
      page.evaluate((one) => {
        const { nodes } = (globalThis as unknown as EditorWindow).RED;
        return (nodes.node(one) ?? undefined) !== undefined;
      }, id);

    /** A question is gone when it has slid away. */
    const answered = (): Promise<void> => editor.find('.red-ui-notification').waitFor({ state: 'detached' });

    async function openConnection(): Promise<void> {
      await editor.edit('out');
      await editor.editConnection();
    }

    async function deleteConnection(): Promise<void> {
      await openConnection();
      await editor.find('.red-ui-tray').last().getByText('Delete', { exact: true }).click();
      await editor.find('#node-config-dialog-ok').waitFor({ state: 'detached' });
    }

    it('is counted, and counted again while the dialog is open', async () => {
      await openConnection();
      await shows(/^Messages: 2 \(1 KiB\), the oldest for \d+ s$/);
      await press('text');
      await shows(/^Messages: 3 /);
      await editor.find('#posthorn-waiting').scrollIntoViewIfNeeded();
      await editor.screenshot(join(images, 'mqtt-connection-waiting.png'));
    });

    it('is exported as a file', async () => {
      const downloading = page.waitForEvent('download');
      await editor.find('#posthorn-waiting-export').click();
      const download = await downloading;
      assert.equal(download.suggestedFilename(), 'The-house.jsonl');
      const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n');
      assert.deepEqual(
        lines.map((line) => (JSON.parse(line) as { payload?: string }).payload),
        ['warm', undefined, 'warm'],
      );
    });

    it('is discarded after a question, and not before', async () => {
      await editor.find('#posthorn-waiting-discard').click();
      await editor.find('.red-ui-notification').getByText('Discard what waits for the broker? Messages: 3.').waitFor();
      assert.equal((await outbox()).messages, 3);
      await editor.find('.red-ui-notification').getByText('Cancel', { exact: true }).click();
      await answered();
      assert.equal((await outbox()).messages, 3);
      await editor.find('#posthorn-waiting-discard').click();
      await editor.find('#posthorn-waiting-confirm').click();
      await answered();
      await shows('nothing');
      assert.equal((await outbox()).messages, 0);
      await editor.connectionDone();
      await editor.done();
    });

    it('keeps its connection where that was deleted by mistake', async () => {
      await press('text');
      await deleteConnection();
      await editor.find('.red-ui-notification').getByText('Messages that wait in “The house”').waitFor();
      assert.equal(await exists('c'), false);
      await editor.find('#posthorn-waiting-keep').click();
      await answered();
      assert.equal(await exists('c'), true);
      await editor.find('#node-dialog-cancel').click();
      await editor.find('#node-dialog-cancel').waitFor({ state: 'detached' });
    });

    it('ends with its connection where that is meant, at the next deploy and not before', async () => {
      await deleteConnection();
      await editor.find('#posthorn-waiting-remove').click();
      await answered();
      await editor.done();
      assert.equal(await exists('c'), false);
      assert.equal((await outbox()).messages, 1);
      await editor.find('#red-ui-header-button-deploy').click();
      // A node without a connection is asked about.
      const deployed = page.waitForResponse((response) => response.request().method() === 'POST');
      await editor.find('.red-ui-notification').getByText('Confirm deploy').click();
      await deployed;
      while ((await ask('c')).status === 200) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.equal((await ask('c')).status, 204);
    });

    it('left no error in the browser console', () => assert.deepEqual(editor.errors, []));
  });
});
