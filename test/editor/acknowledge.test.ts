import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { optionalTool } from '../support/optional.ts';
import { freePort } from '../support/ports.ts';
import { startBrowser } from './browser.ts';
import { EditorPage } from './editor-page.ts';
import { stepByStep } from './step-by-step.ts';
import { NodeRedProcess } from './node-red-process.ts';
import { screenshotFolder } from './screenshots.ts';

type Stored = Readonly<Record<string, unknown>>;

const FIELDS = ['acknowledge', 'atOnce', 'ackTimeout', 'whenLate', 'qos0WhenFull'] as const;

/** As a flow of before: nothing says who acknowledges, and the one mqtt-ack is in a tab that is disabled. */
const flow = (port: number): object[] => [
  { id: 'tab', type: 'tab', label: 'Flow' },
  { id: 'off', type: 'tab', label: 'Off', disabled: true },
  { id: 'c', type: 'mqtt-connection', broker: '127.0.0.1', port, protocolVersion: '5', autoConnect: false },
  { id: 'in', type: 'mqtt-in', z: 'tab', x: 160, y: 80, topic: 'work/#', qos: '1', broker: 'c', wires: [['later']] },
  { id: 'asked', type: 'mqtt-in', z: 'tab', x: 160, y: 160, inputs: 1, broker: 'c', wires: [[]] },
  { id: 'later', type: 'mqtt-ack', z: 'off', x: 160, y: 80, reasonCode: 151, wires: [[]] },
];

// In order: each step stands on the one before.
describe('who acknowledges a message, in a real browser (skipped without Chromium)', function () {
  this.timeout(60_000);
  let nodeRed: NodeRedProcess | undefined;
  let browser: Browser | undefined;
  let page: Page;
  let editor: EditorPage;
  let images = '';

  before(async function () {
    const chromium = optionalTool('chromium');
    if (chromium === undefined) return this.skip();
    images = screenshotFolder();
    nodeRed = await NodeRedProcess.start();
    const headers = { 'content-type': 'application/json', 'Node-RED-API-Version': 'v2' };
    const body = JSON.stringify({ flows: flow(await freePort()) });
    const response = await fetch(new URL('flows', nodeRed.url), { method: 'POST', headers, body });
    assert.equal(response.status, 200, await response.text());
    browser = await startBrowser(chromium);
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    editor = new EditorPage(page);
    await editor.open(nodeRed.url);
  });

  stepByStep(() => editor);

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
  });

  /** Which of the fields are to be seen, in the order of `FIELDS`. */
  async function shown(): Promise<string[]> {
    const visible = await Promise.all(FIELDS.map((field) => editor.find(`#node-input-${field}`).isVisible()));
    return FIELDS.filter((_, index) => visible[index]);
  }

  async function values(): Promise<string[]> {
    return Promise.all(FIELDS.map((field) => editor.find(`#node-input-${field}`).inputValue()));
  }

  const toggleSidebar = (): Promise<unknown> => page.evaluate("RED.actions.invoke('core:toggle-sidebar')");

  async function deployed(id: string): Promise<Stored> {
    assert.ok(nodeRed);
    const response = await fetch(new URL('flows', nodeRed.url));
    const node = ((await response.json()) as Stored[]).find((one) => one['id'] === id);
    return node ?? assert.fail(id);
  }

  it('is mqtt-in itself in a flow of before, and nothing more is asked', async () => {
    await editor.edit('in');
    assert.deepEqual(await values(), ['received', '20', '60', 'again', 'drop-oldest']);
    assert.deepEqual(await shown(), ['acknowledge']);
    assert.equal(await editor.find('#posthorn-in-no-ack').isVisible(), false);
  });

  it('is the flow where that is chosen, and its rows appear with a tip', async () => {
    await editor.find('#node-input-acknowledge').selectOption({ label: 'when the flow is done (mqtt-ack)' });
    assert.deepEqual(await shown(), [...FIELDS]);
    await editor.find('.posthorn-flow').getByText('Each message carries msg.delivery').waitFor();
    await editor.find('#node-input-acknowledge').selectOption({ label: 'when received' });
    assert.deepEqual(await shown(), ['acknowledge']);
    await editor.find('#node-input-acknowledge').selectOption('flow');
  });

  it('warns where no mqtt-ack is at work: one in a disabled tab is not', async () => {
    const warning = editor.find('#posthorn-in-no-ack');
    assert.equal(await warning.innerText(), 'No mqtt-ack in the flows: each message waits until its time is over.');
    await editor.type('#node-input-ackTimeout', '');
    assert.match(await warning.innerText(), /^No mqtt-ack in the flows, and no time limit/);
  });

  it('asks what comes after the time only where there is one', async () => {
    assert.deepEqual(await shown(), ['acknowledge', 'atOnce', 'ackTimeout', 'qos0WhenFull']);
    assert.equal(await editor.find('#node-input-ackTimeout').getAttribute('placeholder'), 'no limit');
    await editor.type('#node-input-ackTimeout', '30');
    assert.deepEqual(await shown(), [...FIELDS]);
  });

  it('says what is wrong with a number, and judges none that is hidden', async () => {
    await editor.type('#node-input-atOnce', '0');
    const reason = 'At most in the flow at once: 0 is not between 1 and 1000';
    assert.equal(await editor.reasonOf('atOnce'), reason);
    await editor.screenshot(join(images, 'mqtt-in-at-once-invalid.png'));
    await editor.find('#node-input-acknowledge').selectOption('received');
    await editor.find('#node-input-atOnce:not(.input-error)').waitFor({ state: 'attached' });
    await editor.find('#node-input-acknowledge').selectOption('flow');
    await editor.find('#node-input-atOnce.input-error').waitFor();
    await editor.type('#node-input-atOnce', '5');
    await editor.find('#node-input-atOnce:not(.input-error)').waitFor();
    await editor.type('#node-input-ackTimeout', '1.5');
    assert.equal(await editor.reasonOf('ackTimeout'), 'Time for it (seconds): “1.5” is not a whole number');
    await editor.type('#node-input-ackTimeout', '30');
    await editor.find('#node-input-ackTimeout:not(.input-error)').waitFor();
  });

  it('is kept, and shown again', async () => {
    await editor.find('#node-input-whenLate').selectOption({ label: 'acknowledge it and report' });
    await editor.find('#node-input-qos0WhenFull').selectOption({ label: 'keep the latest of each topic' });
    await editor.done();
    await editor.deploy();
    const stored = await deployed('in');
    const chosen = ['flow', '5', '30', 'acknowledge', 'keep-latest'];
    assert.deepEqual(
      FIELDS.map((field) => stored[field]),
      chosen,
    );
    await editor.edit('in');
    assert.deepEqual(await values(), chosen);
    await editor.done();
  });

  it('fits a window that is 800 pixels wide, beside the palette', async () => {
    await page.setViewportSize({ width: 800, height: 800 });
    await toggleSidebar();
    await editor.edit('in');
    const room = await editor.find('.red-ui-tray').last().boundingBox();
    const form = await editor.find('.red-ui-tray-body').last().boundingBox();
    assert.ok(room && form && form.x >= room.x && form.x + form.width <= room.x + room.width, JSON.stringify(form));
    await editor.find('#node-input-qos0WhenFull').scrollIntoViewIfNeeded();
    await editor.screenshot(join(images, 'mqtt-in-acknowledge.png'));
    await editor.done();
    await toggleSidebar();
    await page.setViewportSize({ width: 1400, height: 900 });
  });

  it('is asked of a node that subscribes as messages say, too', async () => {
    await editor.edit('asked');
    assert.deepEqual(await shown(), ['acknowledge']);
    await editor.find('#node-input-acknowledge').selectOption('flow');
    assert.deepEqual(await shown(), [...FIELDS]);
    await editor.find('#posthorn-in-action').selectOption('topic');
    assert.deepEqual(await shown(), [...FIELDS]);
    await editor.find('#posthorn-in-action').selectOption('dynamic');
    await editor.done();
  });

  let ack = '';

  it('is told by an mqtt-ack, which acknowledges unless another answer is chosen', async () => {
    assert.equal(await editor.paletteLabel('mqtt-ack'), 'mqtt\u2011ack');
    ack = await editor.add('mqtt-ack', { x: 460, y: 80 });
    await editor.edit(ack);
    const answer = editor.find('#node-input-reasonCode');
    assert.equal(await answer.inputValue(), '');
    assert.equal(await editor.find('#posthorn-ack-refuse-tip').isVisible(), false);
    await answer.selectOption({ label: 'Refuse: payload format invalid (153)' });
    await editor.find('#posthorn-ack-refuse-tip').getByText('Only MQTT 5 can refuse.').waitFor();
    await editor.screenshot(join(images, 'mqtt-ack.png'));
    await editor.done();
    await editor.wire('in', ack);
    await editor.deploy();
    assert.deepEqual([(await deployed(ack))['reasonCode'], (await deployed(ack))['name']], ['153', '']);
  });

  it('warns no more when there is one', async () => {
    await editor.edit('in');
    assert.equal(await editor.find('#posthorn-in-no-ack').isVisible(), false);
    await editor.done();
  });

  it('shows an answer that was stored as a number', async () => {
    await editor.find('.red-ui-tab').getByText('Off', { exact: true }).click();
    await editor.edit('later');
    assert.equal(await editor.find('#node-input-reasonCode').inputValue(), '151');
    await editor.done();
  });

  it('left no error in the browser console', () => assert.deepEqual(editor.errors, []));
});
