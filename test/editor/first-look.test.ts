import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import { optionalTool } from '../support/optional.ts';
import { startBrowser } from './browser.ts';
import { EditorPage } from './editor-page.ts';
import { NodeRedProcess } from './node-red-process.ts';
import { stepByStep } from './step-by-step.ts';

/** German and French have the longest words, and titles. */
const LANGUAGES = ['en-US', 'de', 'fr'];
const TABS = ['connection', 'security', 'messages'];

/** How far what is in the open dialog reaches beyond it, and how wide it is. */
const MEASURE = `(() => {
  const tray = [...document.querySelectorAll('.red-ui-tray')].at(-1);
  const body = tray.querySelector('.red-ui-tray-body-wrapper');
  return { width: tray.getBoundingClientRect().width, beyond: body.scrollWidth - body.clientWidth };
})()`;

interface Measure {
  readonly width: number;
  readonly beyond: number;
}

describe('the first look at the nodes, in a real browser (skipped without Chromium)', function () {
  this.timeout(120_000);
  let nodeRed: NodeRedProcess | undefined;
  let browser: Browser | undefined;

  before(async function () {
    const chromium = optionalTool('chromium');
    if (chromium === undefined) return this.skip();
    nodeRed = await NodeRedProcess.start();
    browser = await startBrowser(chromium);
  });

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
  });

  async function opened(width: number, locale: string): Promise<{ page: Page; editor: EditorPage }> {
    const page = await browser?.newPage({ viewport: { width, height: 900 }, locale });
    assert.ok(page !== undefined && nodeRed !== undefined);
    const editor = new EditorPage(page);
    await editor.open(nodeRed.url);
    return { page, editor };
  }

  async function cancel(editor: EditorPage, button = '#node-dialog-cancel'): Promise<void> {
    await editor.find(button).click();
    await editor.find(button).waitFor({ state: 'detached' });
  }

  describe('in a window of 800 pixels', () => {
    for (const language of LANGUAGES) {
      it(`${language}: each dialog fits, and no line of it is cut off`, async () => {
        const { page, editor } = await opened(800, language);
        const beyond: Record<string, number> = {};
        const measure = async (what: string): Promise<void> => {
          const { beyond: pixels } = await page.evaluate<Measure>(MEASURE);
          if (pixels > 0) beyond[what] = pixels;
        };
        for (const type of ['mqtt-in', 'mqtt-out', 'mqtt-ack']) {
          await editor.edit(await editor.add(type, { x: 120, y: 60 }));
          await measure(type);
          if (type === 'mqtt-in') {
            await editor.addConnection();
            for (const tab of TABS) {
              await editor.find('#posthorn-connection-tabs a').nth(TABS.indexOf(tab)).click();
              await editor.find(`#posthorn-connection-${tab}`).waitFor({ state: 'visible' });
              await measure(`connection: ${tab}`);
            }
            await cancel(editor, '#node-config-dialog-cancel');
          }
          await cancel(editor);
          await page.keyboard.press('Delete');
        }
        assert.deepEqual(beyond, {});
        assert.deepEqual(editor.errors, []);
        await page.close();
      });
    }
  });

  describe('in a wide window', () => {
    let page: Page;
    let editor: EditorPage;

    before(async () => {
      ({ page, editor } = await opened(1400, 'en-US'));
    });

    stepByStep(() => editor);

    const widthOf = async (type: string): Promise<number> => {
      await editor.edit(await editor.add(type, { x: 120, y: 60 }));
      const { width } = await page.evaluate<Measure>(MEASURE);
      await cancel(editor);
      await page.keyboard.press('Delete');
      return width;
    };

    const labelOf = (id: string): Promise<string> =>
      page.locator(`[id="${id}"] .red-ui-flow-node-label-text`).first().innerHTML();

    const colourOf = (type: string): Promise<string> =>
      editor.paletteNode(type).evaluate((entry) => getComputedStyle(entry).backgroundColor);

    it('no dialog is wider than that of the core node', async () => {
      for (const [ours, core] of [
        ['mqtt-in', 'mqtt in'],
        ['mqtt-out', 'mqtt out'],
      ] as const) {
        const [own, other] = [await widthOf(ours), await widthOf(core)];
        assert.ok(own <= other, `${ours}: ${own} px, ${core}: ${other} px`);
      }
    });

    it('names and colours tell the nodes from those of Node-RED', async () => {
      for (const [ours, core] of [
        ['mqtt-in', 'mqtt in'],
        ['mqtt-out', 'mqtt out'],
      ] as const) {
        assert.equal(await editor.paletteLabel(ours), ours.replace('-', '\u2011'));
        assert.ok(farApart(await colourOf(ours), await colourOf(core)), await colourOf(ours));
        const id = await editor.add(ours, { x: 300, y: 300 });
        assert.equal(await labelOf(id), ours);
        await page.keyboard.press('Delete');
      }
    });

    it('a connection whose server is empty is not called after a server', async () => {
      await editor.edit(await editor.add('mqtt-in', { x: 160, y: 80 }));
      await editor.addConnection();
      await editor.connectionDone();
      assert.equal(await chosen(), 'no server yet');
      await editor.editConnection();
      await editor.type('#node-config-input-broker', 'broker.example');
      await editor.connectionDone();
      assert.equal(await chosen(), 'broker.example:1883');
      await editor.done();
    });

    it('the next node takes the connection, while there is no other', async () => {
      await editor.edit(await editor.add('mqtt-out', { x: 460, y: 80 }));
      assert.equal(await chosen(), 'broker.example:1883');
      await editor.addConnection();
      await editor.type('#node-config-input-broker', 'another.example');
      await editor.connectionDone();
      await editor.done();
      await editor.edit(await editor.add('mqtt-out', { x: 460, y: 200 }));
      assert.equal(await chosen(), 'none');
      await cancel(editor);
    });

    it('what is left out at an mqtt-out says where it comes from', async () => {
      await editor.edit(await editor.add('mqtt-in', { x: 160, y: 320 }));
      await cancel(editor);
      await editor.edit(await editor.add('mqtt-out', { x: 460, y: 320 }));
      await editor.find('#node-input-broker').selectOption({ index: 0 });
      for (const field of ['userProps', 'respTopic', 'contentType', 'expiry']) {
        const shown = editor.find(`#node-input-${field} + .red-ui-typedInput-container`);
        await shown.waitFor({ state: 'visible' });
        assert.equal((await shown.innerText()).trim(), 'from message', field);
      }
    });

    it('the properties of a birth message are folded until there are some', async () => {
      await editor.editConnection();
      await editor.openTab('Messages');
      const properties = editor.find('#posthorn-section-birth .posthorn-more');
      const contentType = editor.find('#node-config-input-birth-contentType + .red-ui-typedInput-container');
      await contentType.waitFor({ state: 'hidden' });
      await editor.type('#node-config-input-birthTopic', 'house/state');
      await properties.locator('summary').press('Enter');
      await contentType.waitFor({ state: 'visible' });
      await properties.locator('.red-ui-typedInput-type-select').first().click();
      await page.locator('.red-ui-typedInput-options:visible').getByText('text/plain').click();
      await editor.connectionDone();
      await editor.editConnection();
      await editor.openTab('Messages');
      await contentType.waitFor({ state: 'visible' });
      await cancel(editor, '#node-config-dialog-cancel');
      await cancel(editor);
    });

    it('left no error in the browser console', () => assert.deepEqual(editor.errors, []));

    const chosen = (): Promise<string> =>
      editor
        .find('#node-input-broker')
        .evaluate((select) => (select as HTMLSelectElement).selectedOptions[0]?.text ?? '');
  });
});

/** Whether a person sees that two colours, such as `rgb(1, 2, 3)`, are not the same. */
function farApart(one: string, other: string): boolean {
  const [a, b] = [one, other].map((colour) => (colour.match(/\d+/g) ?? []).map(Number));
  const distance = Math.hypot(...[0, 1, 2].map((part) => (a?.[part] ?? 0) - (b?.[part] ?? 0)));
  return distance > 80;
}
