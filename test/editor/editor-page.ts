import type { Locator, Page } from 'playwright-core';

/** A place on the workspace, in its own pixels from the top left corner of what is visible. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

interface EditorWindow {
  readonly RED: {
    readonly view: { selection(): { readonly nodes?: readonly { readonly id: string }[] } };
  };
}

const DIALOG_OK = '#node-dialog-ok';
const CONNECTION_OK = '#node-config-dialog-ok';

// What the editor catches of a node's script, and only logs.
const SWALLOWED = /^(oneditprepare|oneditsave|Validation error|Definition error|An error occur)/;

// Runs in the browser, hence a text: the editor's globals have no types here.
const TRAY_IS_OPEN = `
  document.querySelector('#red-ui-editor-stack')?.style.zIndex !== '11' &&
  [...document.querySelectorAll('.red-ui-tray')].at(-1)?.style.right === '0px'`;

/** Node-RED's editor in a browser, by what a person does in it. */
export class EditorPage {
  /** What the browser's console reported as an error, and what no script caught. */
  readonly errors: string[] = [];
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
    page.on('pageerror', (error) => this.errors.push(error.stack ?? error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' || SWALLOWED.test(message.text())) this.errors.push(message.text());
    });
  }

  /** Opens the editor and waits until its palette holds the nodes. */
  async open(url: string): Promise<void> {
    await this.#page.goto(url);
    await this.paletteNode('mqtt-in').waitFor();
    await this.paletteNode('mqtt-out').waitFor();
  }

  /** As {@link open}, where one has to log in; name and password are the same. */
  async logIn(url: string, user: string): Promise<void> {
    await this.#page.goto(url);
    await this.find('#node-dialog-login-username').fill(user);
    await this.find('#node-dialog-login-password').fill(user);
    await this.find('#node-dialog-login-submit').click();
    await this.paletteNode('mqtt-in').waitFor();
    // That nobody was logged in yet is no error of ours.
    this.errors.length = 0;
  }

  /** The node type's entry in the palette. */
  paletteNode(type: string): Locator {
    return this.#page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`);
  }

  /** What the palette calls the node type; the spaces where the palette may break the line are left out. */
  async paletteLabel(type: string): Promise<string> {
    return (await this.paletteNode(type).innerText()).replaceAll(/\s/g, '');
  }

  /** An element by its selector, for what has no verb here. */
  find(selector: string): Locator {
    return this.#page.locator(selector);
  }

  /** Writes a text into a field in place of what it holds, as from the keyboard: the editor listens to its keys. */
  async type(selector: string, text: string): Promise<void> {
    await this.find(selector).fill(text);
    await this.find(selector).press('End');
  }

  /** Drags a node from the palette to a place on the workspace; returns its id. */
  async add(type: string, place: Place): Promise<string> {
    const entry = this.paletteNode(type);
    await entry.scrollIntoViewIfNeeded();
    const target = await this.#onScreen(place);
    await entry.hover();
    await this.#page.mouse.down();
    await this.#page.mouse.move(target.x - 30, target.y - 30, { steps: 5 });
    await this.#page.mouse.move(target.x, target.y, { steps: 5 });
    await this.#page.mouse.up();
    return this.#selectedId();
  }

  /** Draws a wire from one node's output to another's input. */
  async wire(from: string, to: string): Promise<void> {
    const wires = this.find('.red-ui-flow-link');
    const before = await wires.count();
    await this.#node(from).locator('.red-ui-flow-port-output .red-ui-flow-port').hover();
    await this.#page.mouse.down();
    await this.#node(to).locator('.red-ui-flow-port-input .red-ui-flow-port').hover();
    await this.#page.mouse.up();
    await wires.nth(before).waitFor({ state: 'attached' });
  }

  /** Opens the dialog of a node on the workspace. */
  async edit(id: string): Promise<void> {
    await this.#node(id).locator('.red-ui-flow-node').dblclick();
    await this.find(DIALOG_OK).waitFor();
    await this.#settled();
  }

  /** Closes the dialog of a node by its *Done*. */
  async done(): Promise<void> {
    await this.find(DIALOG_OK).click();
    await this.find(DIALOG_OK).waitFor({ state: 'detached' });
  }

  /** Opens the dialog of a new connection from a node's open dialog. */
  async addConnection(): Promise<void> {
    await this.find('#node-input-btn-broker-add').click();
    await this.find(CONNECTION_OK).waitFor();
    await this.#settled();
  }

  /** Opens the dialog of the connection that is chosen in a node's open dialog. */
  async editConnection(): Promise<void> {
    await this.find('#node-input-btn-broker-edit').click();
    await this.find(CONNECTION_OK).waitFor();
    await this.#settled();
  }

  /** Closes the connection's dialog by its *Add* or *Update*. */
  async connectionDone(): Promise<void> {
    await this.find(CONNECTION_OK).click();
    await this.find(CONNECTION_OK).waitFor({ state: 'detached' });
    await this.#settled();
  }

  /** Opens a tab of the connection's dialog, by its title. */
  async openTab(title: string): Promise<void> {
    await this.find('#posthorn-connection-tabs').getByText(title, { exact: true }).click();
  }

  /** Why the editor says that a field is not valid. */
  async reasonOf(field: string): Promise<string> {
    const input = this.find(`#node-input-${field}, #node-config-input-${field}`);
    await input.and(this.find('.input-error')).waitFor();
    await input.hover();
    const tooltip = this.find('.red-ui-tooltip .red-ui-popover-content');
    await tooltip.waitFor();
    return tooltip.innerText();
  }

  /** Deploys and waits until Node-RED has taken the flows. */
  async deploy(): Promise<void> {
    const answer = this.#page.waitForResponse(
      (response) => response.request().method() === 'POST' && new URL(response.url()).pathname === '/flows',
    );
    await this.find('#red-ui-header-button-deploy:not(.disabled)').click();
    const status = (await answer).status();
    if (status !== 200) throw new Error(`Node-RED answered the deploy with ${status}`);
    await this.find('#red-ui-header-button-deploy.disabled').waitFor();
  }

  /** Waits until a node's status says this. */
  async awaitStatus(id: string, status: string | RegExp): Promise<void> {
    await this.#node(id).locator('.red-ui-flow-node-status-label').getByText(status, { exact: true }).waitFor();
  }

  /** Clicks the button of an Inject node. */
  async inject(id: string): Promise<void> {
    await this.#node(id).locator('.red-ui-flow-node-button-button').click();
  }

  /** Waits until the debug sidebar shows this many messages with a topic. */
  async awaitDebugMessages(count: number, topic: string): Promise<void> {
    await this.find('.red-ui-debug-msg')
      .filter({ hasText: topic })
      .nth(count - 1)
      .waitFor();
  }

  /** Writes what the browser shows to a PNG file, without the editor's passing notifications. */
  async screenshot(path: string): Promise<void> {
    await this.#page.evaluate(() => document.querySelector('#red-ui-workspace-chart')?.scrollTo(0, 0));
    await this.#page.screenshot({ path, style: '#red-ui-notifications { display: none }' });
  }

  #node(id: string): Locator {
    return this.find(`[id="${id}"]`);
  }

  async #onScreen(place: Place): Promise<Place> {
    const box = await this.find('#red-ui-workspace-chart').boundingBox();
    if (box === null) throw new Error('the workspace is not visible');
    return { x: box.x + place.x, y: box.y + place.y };
  }

  async #selectedId(): Promise<string> {
    const id = await this.#page.evaluate(
      () => (globalThis as unknown as EditorWindow).RED.view.selection().nodes?.[0]?.id,
    );
    if (id === undefined) throw new Error('the node was not added to the workspace');
    return id;
  }

  // The editor lowers its stack of trays while one of them slides, and raises it when the dialog is ready for a person.
  async #settled(): Promise<void> {
    await this.#page.waitForFunction(TRAY_IS_OPEN);
    const tray = await this.find('.red-ui-tray').last().elementHandle();
    await tray?.waitForElementState('stable');
  }
}
