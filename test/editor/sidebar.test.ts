import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import type { Client } from '../../src/index.ts';
import { type AedesBroker, startAedesBroker } from '../support/aedes-broker.ts';
import { ClientBench } from '../support/client-bench.ts';
import { optionalTool } from '../support/optional.ts';
import { freePort } from '../support/ports.ts';
import { startBrowser } from './browser.ts';
import { EditorPage } from './editor-page.ts';
import { NodeRedProcess } from './node-red-process.ts';
import { screenshotFolder } from './screenshots.ts';
import { stepByStep } from './step-by-step.ts';

const HOSTILE = 'zoo/<img src=x onerror=alert(1)>';
/** The broker of these tests hangs up on more levels. */
const DEEP = `zoo/${'a/'.repeat(90)}`;
const LONG = `zoo/${'x'.repeat(65_000)}`;

interface EditorWindow {
  readonly RED: {
    readonly nodes: {
      node(id: string): Readonly<Record<string, unknown>> | null;
      eachNode(visit: (node: { readonly type: string; readonly topic: string; readonly broker: string }) => void): void;
    };
  };
}

// One person's way through the sidebar, in order: each step stands on the one before.
describe('the sidebar, in a real browser (skipped without Chromium)', function () {
  this.timeout(60_000);
  const bench = new ClientBench();
  let broker: AedesBroker;
  let publisher: Client;
  let nodeRed: NodeRedProcess;
  let browser: Browser | undefined;
  let page: Page;
  let editor: EditorPage;
  let images = '';
  let dialogs = 0;

  const flow = (port: number, nobodysPort: number): object[] => [
    { id: 'tab', type: 'tab', label: 'Flow' },
    { id: 'c', type: 'mqtt-connection', name: 'The house', broker: '127.0.0.1', port },
    { id: 'd', type: 'mqtt-connection', name: 'Packing line', broker: '127.0.0.1', port: nobodysPort },
    { id: 'core', type: 'mqtt-broker', broker: '127.0.0.1', port, autoConnect: false },
    { id: 'in', type: 'mqtt-in', z: 'tab', x: 160, y: 80, topic: 'house/+', qos: '1', broker: 'c', wires: [[]] },
    { id: 'out', type: 'mqtt-out', z: 'tab', x: 420, y: 80, topic: 'line/3', qos: '1', broker: 'd', wires: [] },
    {
      id: 'old',
      type: 'mqtt in',
      z: 'tab',
      x: 160,
      y: 160,
      topic: 'named/in/flow',
      qos: '1',
      broker: 'core',
      wires: [[]],
    },
  ];

  before(async function () {
    const chromium = optionalTool('chromium');
    if (chromium === undefined) return this.skip();
    images = screenshotFolder();
    broker = await startAedesBroker();
    publisher = await bench.connect(broker.url, { protocolVersion: 4, clientId: 'publisher' });
    nodeRed = await NodeRedProcess.start(undefined, { root: '/ops/', users: { owner: '*', reader: 'read' } });
    await nodeRed.deploy(flow(broker.port, await freePort()), await nodeRed.logIn('owner'));
    browser = await startBrowser(chromium);
    await open(browser, 'owner');
  });

  stepByStep(() => editor);

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
    await bench.close();
    await broker?.close();
  });

  async function open(chromium: Browser, user: string): Promise<void> {
    page = await chromium.newPage({ viewport: { width: 1400, height: 900 } });
    page.on('dialog', (dialog) => {
      dialogs += 1;
      void dialog.dismiss();
    });
    editor = new EditorPage(page);
    await editor.logIn(nodeRed.url, user);
    await show();
  }

  async function show(): Promise<void> {
    // While the editor begins it shows another tab of its own accord.
    await page.waitForFunction(`
      RED.sidebar.show('posthorn-mqtt');
      document.querySelector('.posthorn-sidebar')?.offsetParent ?? undefined`);
    const debug = page.locator('button[data-tab-id=debug]');
    // It takes half of the height otherwise.
    if ((await debug.count()) > 0 && (await page.locator('.red-ui-debug-content-list').isVisible()))
      await debug.click();
    // Its tooltip would be in the way.
    await page.mouse.move(700, 600);
    await page.locator('.posthorn-sidebar').waitFor();
  }

  const card = (name: string): Locator => page.locator('.posthorn-sb-card').filter({ hasText: name });
  const row = (label: string): Locator =>
    page.locator('.posthorn-sb-row').filter({ has: page.getByText(label, { exact: true }) });
  const act = (name: string): Locator => page.locator(`.posthorn-sb-actions [data-do="${name}"]`);
  const status = (): Locator => page.locator('.posthorn-sb-status');
  const isIn = (at: Locator, text: string | RegExp): Promise<void> => at.filter({ hasText: text }).waitFor();
  const screenshot = (name: string): Promise<void> => editor.screenshot(join(images, `sidebar-${name}.png`));
  const dark = (isDark: boolean): Promise<unknown> =>
    page.evaluate(`document.documentElement.classList.toggle('nr-theme-dark', ${isDark})`);

  function publish(topic: string, payload: string | Buffer, retain = false): Promise<void> {
    return new Promise((resolve, reject) =>
      publisher.publish({ topic, payload, qos: 1, retain }, (error) =>
        error === undefined ? resolve() : reject(error),
      ),
    );
  }

  /** Nodes of the flow, those that are not deployed too. */
  function nodesOf(type: string): Promise<{ topic: string; broker: string }[]> {
    return page.evaluate((wanted) => {
      const found: { topic: string; broker: string }[] = [];
      (globalThis as unknown as EditorWindow).RED.nodes.eachNode(({ type: each, topic, broker: connection }) => {
        if (each === wanted) found.push({ topic, broker: connection });
      });
      return found;
    }, type);
  }

  describe('shows the connections', () => {
    it('each with its state, and why one is not there', async () => {
      await isIn(card('The house').locator('.posthorn-sb-state'), /^connected for/);
      await isIn(card('The house').locator('.posthorn-sb-meta'), /MQTT 3\.1\.1 · new session · [\d.]+ ms round trip/);
      await isIn(card('Packing line').locator('.posthorn-sb-failure'), /ECONNREFUSED/);
      // What to do about it, from the catalogue of failures.
      await isIn(card('Packing line').locator('.posthorn-sb-failure'), /Start the broker, or correct the port\./);
    });

    it('with what passes', async () => {
      for (let look = 0; look < 10; look++) {
        const looked = page.waitForResponse((one) => one.url().endsWith('/posthorn/connections'));
        for (let count = 0; count < 6 + 5 * Math.sin(look); count++) await publish('house/1', '1');
        await looked;
      }
      // Its title tells all that passed.
      await page.waitForFunction(() => {
        const title = document.querySelector<HTMLElement>('.posthorn-sb-rate')?.title ?? '';
        return Number.parseInt(title.replace(/\D+/, ''), 10) >= 20;
      });
      await screenshot('connections');
      await dark(true);
      await screenshot('connections-dark');
      await dark(false);
    });

    it('with what the broker allows', async () => {
      await card('The house').locator('summary').press('Enter');
      await isIn(card('The house').locator('.posthorn-sb-limits'), /Highest QoS\s*2/);
    });

    it('and disconnects and connects them', async () => {
      await card('The house').locator('.posthorn-sb-disconnect').click();
      await isIn(card('The house').locator('.posthorn-sb-state'), /^disconnected$/);
      await card('The house').locator('.posthorn-sb-connect').click();
      await isIn(card('The house').locator('.posthorn-sb-state'), /^connected/);
    });

    it('and finds the node of one', async () => {
      await card('The house').locator('.posthorn-sb-name').click();
      await page.locator('.red-ui-sidebar-node-config').waitFor();
      await show();
    });
  });

  describe('watches topics', () => {
    it('by a filter that makes sense, and of nobody who shares a subscription', async () => {
      await page.locator('.posthorn-sb-tabs').getByText('Connections').press('ArrowRight');
      const filter = page.locator('.posthorn-sb-form-row input');
      const watch = page.locator('.posthorn-sb-watch');
      await isIn(page.locator('.posthorn-sb-note'), /opens a second connection to the broker/);
      for (const [text, why] of [
        ['house/#/x', /“#” must be the last level/],
        ['$share/g/a', /would take messages away/],
      ] as const) {
        await filter.fill(text);
        await isIn(page.locator('.posthorn-sb-note'), why);
        assert.equal(await watch.isDisabled(), true);
      }
      await filter.fill('#');
      await screenshot('topics-before');
      await publish('house/kitchen/temperature', '21.5', true);
      await watch.click();
      await isIn(status(), /^Topics: 1\. Messages: 1\.$/);
    });

    it('and shows them as a tree, for the mouse and the keyboard', async () => {
      await publish('house/kitchen/state', '{"on":true,"__proto__":{"polluted":true},"list":[1,2]}');
      await publish('house/hall/temperature', '19');
      await row('house').locator('.posthorn-sb-toggle').click();
      await row('hall').waitFor();
      await page.locator('.posthorn-sb-tree').press('ArrowDown');
      await page.locator('.posthorn-sb-row[aria-selected=true]').filter({ hasText: 'hall' }).waitFor();
      await page.locator('.posthorn-sb-tree').press('ArrowDown');
      await page.locator('.posthorn-sb-tree').press('ArrowRight');
      await row('state').waitFor();
      await page.locator('.posthorn-sb-tree').press('ArrowRight');
      await isIn(page.locator('.posthorn-sb-topic'), 'house/kitchen/state');
      await page.locator('.posthorn-sb-tree').press('ArrowLeft');
      await page.locator('.posthorn-sb-row[aria-selected=true]').filter({ hasText: 'kitchen' }).waitFor();
      await page.locator('.posthorn-sb-tree').press('ArrowLeft');
      await row('state').waitFor({ state: 'detached' });
      await page.locator('.posthorn-sb-tree').press('ArrowRight');
      await row('state').click();
    });

    it('with a value as JSON, as text and in hexadecimal', async () => {
      const value = page.locator('.posthorn-sb-payload');
      await isIn(value, /"__proto__": \{\s+"polluted": true/);
      await page.locator('.posthorn-sb-form[data-form=text]').click();
      await isIn(value, /^\{"on":true,"__proto__"/);
      await page.locator('.posthorn-sb-form[data-form=hex]').click();
      await isIn(value, /^0000 {2}7b 22 6f 6e/);
      assert.equal(await page.evaluate('({}).polluted'), undefined);
    });

    it('with a line of its numbers, and whether it is retained', async () => {
      await row('temperature').click();
      await isIn(page.locator('.posthorn-sb-details .posthorn-sb-meta'), / · retained · /);
      for (let count = 0; count < 30; count++) {
        await publish('house/kitchen/temperature', (21 + Math.sin(count / 3)).toFixed(2), true);
        await publish('house/kitchen/state', `{"on":${count % 2 === 0},"level":${count},"by":["sensor","hand"]}`);
      }
      await page.waitForFunction(() => {
        const line = document.querySelector('.posthorn-sb-details .posthorn-sb-line polyline');
        return (line?.getAttribute('points')?.split(' ').length ?? 0) >= 30;
      });
      await screenshot('topics');
      await dark(true);
      await screenshot('topics-dark');
      await dark(false);
    });

    it('and finds them', async () => {
      await page.locator('.posthorn-sb-search input').fill('HALL');
      await row('house/hall/temperature').waitFor();
      await isIn(status(), /Found: 1\./);
      await page.locator('.posthorn-sb-search input').fill('');
      await row('kitchen').waitFor();
    });

    it('and takes nothing in while it is paused', async () => {
      const paused = page.waitForResponse((one) => one.request().postData()?.includes('"paused":true') === true);
      await page.locator('.posthorn-sb-pause').click();
      await paused;
      await isIn(page.locator('.posthorn-sb-pause[aria-pressed=true]'), 'Resume');
      const before = await status().innerText();
      await publish('house/garage', '1');
      await isIn(status(), /Passed while paused: [1-9]/);
      assert.ok((await status().innerText()).startsWith(before));
      const resumed = page.waitForResponse((one) => one.request().postData()?.includes('"paused":false') === true);
      await page.locator('.posthorn-sb-pause').click();
      await resumed;
      await publish('house/garage', '2');
      await row('garage').waitFor();
    });

    it('and shows what is hostile as text, cut, and never runs it', async () => {
      await publish(HOSTILE, '<script>alert(1)</script><img src=x onerror=alert(1)>');
      await publish('zoo/\u202e\u0007evil', Buffer.from('fffe00', 'hex'));
      await publish(LONG, 'x'.repeat(3_000_000));
      await publish(DEEP, '['.repeat(50_000));
      await row('zoo').locator('.posthorn-sb-toggle').click();
      await row('<img src=x onerror=alert(1)>').click();
      await isIn(page.locator('.posthorn-sb-payload'), '<script>alert(1)</script>');
      await row('\\u202e\\u0007evil').click();
      await isIn(page.locator('.posthorn-sb-payload'), /^0000 {2}ff fe 00/);
      await row(`${'x'.repeat(200)}…`).click();
      await isIn(page.locator('.posthorn-sb-details'), /The first 1 KiB of 2\.9 MiB are shown/);
      await page.locator('.posthorn-sb-form[data-form=json]').click();
      await isIn(page.locator('.posthorn-sb-payload'), /no JSON/);
      assert.equal(await page.locator('.posthorn-sidebar img, .posthorn-sidebar script').count(), 0);
      assert.equal(dialogs, 0);
    });
  });

  describe('makes of a topic', () => {
    it('a node of the flow, which the mouse has', async () => {
      await row('temperature').click();
      await isIn(page.locator('.posthorn-sb-topic'), 'house/kitchen/temperature');
      await act('in').click();
      const chart = await page.locator('#red-ui-workspace-chart').boundingBox();
      assert.ok(chart !== null);
      await page.mouse.move(chart.x + 300, chart.y + 300, { steps: 4 });
      await page.mouse.click(chart.x + 300, chart.y + 300);
      assert.deepEqual(await nodesOf('mqtt-in'), [
        { topic: 'house/+', broker: 'c' },
        { topic: 'house/kitchen/temperature', broker: 'c' },
      ]);
    });

    it('a node of the flow from the keyboard, placed where one sees it', async () => {
      await act('out').press('Enter');
      assert.deepEqual((await nodesOf('mqtt-out'))[1], { topic: 'house/kitchen/temperature', broker: 'c' });
    });

    it('a test message', async () => {
      await act('publish').click();
      await page.locator('#posthorn-sb-test-payload').fill('30.25');
      await screenshot('publish');
      await page.locator('#posthorn-sb-test-send').click();
      await page.locator('.red-ui-notification').getByText('Published.').waitFor();
      await isIn(page.locator('.posthorn-sb-payload'), /^30\.25$/);
    });

    it('one whose retained message is cleared, after a question', async () => {
      await act('clear').click();
      const question = page.locator('.red-ui-notification').filter({ hasText: 'Clear the retained message' });
      await question.getByText('Cancel', { exact: true }).click();
      await question.waitFor({ state: 'detached' });
      await act('clear').click();
      await page.locator('#posthorn-sb-clear-confirm').click();
      await page.locator('.red-ui-notification').getByText('The retained message was cleared.').waitFor();
    });
  });

  describe('in the end', () => {
    it('is as useful in a window that is 800 pixels wide', async () => {
      await page.setViewportSize({ width: 800, height: 600 });
      await row('temperature').click();
      await page.locator('.posthorn-sb-details').waitFor();
      const overflows = await page.evaluate(() => {
        const all = [
          ...document.querySelectorAll<HTMLElement>('.posthorn-sidebar, .posthorn-sb-topics, .posthorn-sb-details'),
        ];
        return all
          .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
          .map(({ className }) => className);
      });
      assert.deepEqual(overflows, []);
      await screenshot('narrow');
      await page.setViewportSize({ width: 1400, height: 900 });
    });

    it('ends the watch when it is told to', async () => {
      await page.locator('.posthorn-sb-stop').click();
      await page.locator('.posthorn-sb-watch').waitFor();
      assert.equal(await page.locator('.posthorn-sb-tree').isVisible(), false);
    });
  });

  describe('watches a broker that is not there', () => {
    it('and says why nothing comes', async () => {
      await page.locator('.posthorn-sb-form-row select').first().selectOption({ label: 'Packing line' });
      await page.locator('.posthorn-sb-watch').click();
      await isIn(status(), /^cannot reach .* ECONNREFUSED/);
      await page.locator('.posthorn-sb-stop').click();
      await page.locator('.posthorn-sb-watch').waitFor();
    });
  });

  describe('completes topics', () => {
    const offered = (): Locator => page.locator('.red-ui-autoComplete-completion');

    async function type(text: string): Promise<void> {
      await page.locator('#node-input-topic').fill('');
      await page.locator('#node-input-topic').pressSequentially(text);
    }

    it('in our dialogs, from what was seen and from what the flows name', async () => {
      await editor.edit('in');
      await type('hall');
      await isIn(offered(), 'house/hall/temperature');
      await screenshot('completion');
      await type('named');
      await isIn(offered(), 'named/in/flow');
      await page.locator('#node-input-topic').press('Escape');
      await page.locator('#node-dialog-cancel').click();
      await page.locator('#node-dialog-cancel').waitFor({ state: 'detached' });
    });

    it('in the dialogs of Node-RED’s own nodes, by the same broker', async () => {
      await editor.edit('old');
      await type('hall');
      await isIn(offered(), 'house/hall/temperature');
      await page.locator('#node-input-topic').press('Escape');
      await page.locator('#node-dialog-cancel').click();
      await page.locator('#node-dialog-cancel').waitFor({ state: 'detached' });
    });
  });

  describe('behind all this', () => {
    it('left no error in the browser console', () => assert.deepEqual(editor.errors, []));

    it('lets who may only look do nothing else', async () => {
      assert.ok(browser !== undefined);
      await page.close();
      await open(browser, 'reader');
      await isIn(card('The house').locator('.posthorn-sb-state'), /^connected/);
      assert.equal(await page.locator('.posthorn-sb-connect:visible, .posthorn-sb-disconnect:visible').count(), 0);
      await page.locator('#posthorn-sb-tab-topics').click();
      await page.locator('.posthorn-sb-watch').click();
      await isIn(status(), /^Topics: /);
      await publish('house/hall', '1');
      await row('house').locator('.posthorn-sb-toggle').click();
      await row('hall').click();
      await page.locator('.posthorn-sb-topic').waitFor();
      assert.equal(await act('publish').count(), 0);
      assert.equal(await act('copy').count(), 1);
      assert.deepEqual(editor.errors, []);
    });
  });
});
