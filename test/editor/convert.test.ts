import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { optionalTool } from '../support/optional.ts';
import { RealBroker } from '../support/real-broker.ts';
import { startBrowser } from './browser.ts';
import { coreFlow } from './convert-flow.ts';
import { EditorPage } from './editor-page.ts';
import { stepByStep } from './step-by-step.ts';
import { NodeRedProcess } from './node-red-process.ts';
import { screenshotFolder } from './screenshots.ts';

interface FlowNode {
  readonly id: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

interface EditorWindow {
  readonly RED: {
    readonly nodes: { createCompleteNodeSet(): FlowNode[]; dirty(): boolean };
    readonly history: { depth(): number };
  };
}

const ANN = { user: 'ann', password: 'correct horse' };

// One person's way from the core nodes to these, in order: each step stands on the one before.
describe('moving over in the editor, in a real browser (skipped without Chromium or mosquitto)', function () {
  this.timeout(60_000);

  let broker: RealBroker | undefined;
  let nodeRed: NodeRedProcess | undefined;
  let browser: Browser | undefined;
  let page: Page;
  let editor: EditorPage;
  let images = '';
  let original: FlowNode[];
  before(async function () {
    const chromium = optionalTool('chromium');
    const mosquitto = optionalTool('mosquitto');
    if (chromium === undefined || mosquitto === undefined) return this.skip();
    images = screenshotFolder();
    broker = await RealBroker.start(mosquitto, { users: { [ANN.user]: ANN.password } });
    nodeRed = await NodeRedProcess.start();
    await postFlows(nodeRed.url, coreFlow(broker.port, ANN));
    browser = await startBrowser(chromium);
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    editor = new EditorPage(page);
    await editor.open(nodeRed.url);
    await editor.awaitStatus('in1', 'connected');
    original = await flows();
  });

  stepByStep(() => editor);

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
    await broker?.stop();
  });

  it('is in the Edit menu, and asks before it converts all flows', async () => {
    await chooseFromMenu();
    const question = editor.find('.posthorn-convert');
    await question.getByText('mqtt in: 1 – mqtt out: 1 – mqtt-broker: 1').waitFor();
    await showing('convert-question.png');
    await editor.find('.red-ui-notification').getByText('Cancel', { exact: true }).click();
    await question.waitFor({ state: 'detached' });
    assert.deepEqual(await flows(), original);
  });

  it('converts a selection, with a connection beside the broker that others still use', async () => {
    await select('in1');
    await chooseFromMenu();
    const report = editor.find('.posthorn-convert');
    await report.getByText('Nodes converted: 2.').waitFor();
    const now = await flows();
    const subscriber = nodeOf(now, 'in1');
    const copy = nodeOf(now, String(subscriber['broker']));
    assert.equal(subscriber.type, 'mqtt-in');
    assert.match(copy.id, /^[0-9a-f]{16}$/);
    assert.equal(copy.type, 'mqtt-connection');
    assert.equal(copy['clientid'], 'gateway-posthorn');
    assert.deepEqual(copy['credentials'], { user: 'ann' });
    assert.deepEqual(nodeOf(now, 'b1'), nodeOf(original, 'b1'));
    assert.deepEqual(nodeOf(now, 'out1'), nodeOf(original, 'out1'));
  });

  it('says which passwords must be entered again', async () => {
    const tasks = await editor.find('.posthorn-convert li').allInnerTexts();
    assert.equal(
      tasks.filter((task) => task.startsWith('Enter the password of the connection “house” again')).length,
      1,
    );
    await showing('convert-report.png');
    await closeReport();
  });

  it('is taken back by one undo, and done again by one redo', async () => {
    await undo();
    assert.deepEqual(byId(await flows()), byId(original));
    await page.keyboard.press('Control+y');
    assert.equal(nodeOf(await flows(), 'in1').type, 'mqtt-in');
    await undo();
    assert.deepEqual(byId(await flows()), byId(original));
  });

  it('says so where nothing in the selection can be converted', async () => {
    await select('debug1');
    await chooseFromMenu();
    await editor.find('.posthorn-convert').getByText('The selection holds no mqtt in or mqtt out node').waitFor();
    assert.deepEqual(byId(await flows()), byId(original));
  });

  it('converts all flows, and keeps ids, wires, groups, places and settings', async () => {
    await selectNothing();
    await convertAll();
    const types: Readonly<Record<string, string>> = { in1: 'mqtt-in', out1: 'mqtt-out', b1: 'mqtt-connection' };
    const now = await flows();
    assert.deepEqual(now.map(({ id }) => id).sort(), original.map(({ id }) => id).sort());
    for (const node of original) {
      const fields = Object.keys(node);
      const found = nodeOf(now, node.id);
      const kept = Object.fromEntries(fields.map((field) => [field, found[field]]));
      assert.deepEqual(kept, { ...node, type: types[node.id] ?? node.type });
    }
  });

  it('keeps username and password, as the broker sees after the deploy', async () => {
    await editor.deploy();
    await editor.awaitStatus('in1', 'connected');
    await editor.awaitStatus('out1', 'connected');
    await editor.inject('inject1');
    await editor.awaitDebugMessages(1, 'house/hello');
    assert.match(broker?.log ?? '', /as gateway .*u'ann'/);
    await editor.screenshot(join(images, 'convert-done.png'));
  });

  it('can be taken back after the deploy, and deployed again without a conflict', async () => {
    await undo();
    assert.deepEqual(byId(await flows()), byId(original));
    await editor.deploy();
    await editor.awaitStatus('in1', 'connected');
    await convertAll();
    await editor.deploy();
    await editor.awaitStatus('in1', 'connected');
  });

  it('left no error in the browser console', () => assert.deepEqual(editor.errors, []));

  async function convertAll(): Promise<void> {
    await chooseFromMenu();
    await editor.find('#posthorn-convert-all').click();
    const report = editor.find('.posthorn-convert').last();
    await report.getByText('Nodes converted: 3.').waitFor();
    await report.getByText('keep their username and password').waitFor();
  }

  /** A screenshot with the notification, which slides in. */
  async function showing(image: string): Promise<void> {
    const box = await editor.find('.red-ui-notification').last().elementHandle();
    await box?.waitForElementState('stable');
    await page.screenshot({ path: join(images, image) });
  }

  async function chooseFromMenu(): Promise<void> {
    await editor.find('#red-ui-header-button-sidemenu').click();
    await editor.find('#menu-item-edit-menu').hover();
    await editor.find('#menu-item-posthorn-convert').click();
  }

  async function closeReport(): Promise<void> {
    await editor.find('.red-ui-notification').getByText('Close', { exact: true }).click();
    await editor.find('.posthorn-convert').waitFor({ state: 'detached' });
  }

  async function select(id: string): Promise<void> {
    await editor.find(`[id="${id}"] .red-ui-flow-node`).click();
  }

  async function selectNothing(): Promise<void> {
    await editor.find('#red-ui-workspace-chart').click({ position: { x: 700, y: 500 } });
  }

  async function undo(): Promise<void> {
    await selectNothing();
    await page.keyboard.press('Control+z');
  }

  async function flows(): Promise<FlowNode[]> {
    return page.evaluate(
      () =>
        JSON.parse(
          JSON.stringify((globalThis as unknown as EditorWindow).RED.nodes.createCompleteNodeSet()),
        ) as FlowNode[],
    );
  }
});

async function postFlows(url: string, flows: readonly object[]): Promise<void> {
  const headers = { 'content-type': 'application/json', 'Node-RED-API-Version': 'v2' };
  const response = await fetch(new URL('flows', url), { method: 'POST', headers, body: JSON.stringify({ flows }) });
  assert.equal(response.status, 200, await response.text());
}

function nodeOf(flows: readonly FlowNode[], id: string): FlowNode {
  const found = flows.find((node) => node.id === id);
  assert.ok(found, `a node ${id}`);
  return found;
}

function byId(flows: readonly FlowNode[]): FlowNode[] {
  return [...flows].sort((one, other) => one.id.localeCompare(other.id));
}
