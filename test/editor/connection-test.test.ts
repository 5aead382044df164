import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { type AedesBroker, startAedesBroker } from '../support/aedes-broker.ts';
import { elsewherePair, selfSignedPair } from '../support/certificates/certificates.ts';
import { FakeBroker } from '../support/fake-broker.ts';
import { optionalTool } from '../support/optional.ts';
import { freePort } from '../support/ports.ts';
import { startBrowser } from './browser.ts';
import { EditorPage } from './editor-page.ts';
import { NodeRedProcess } from './node-red-process.ts';
import { screenshotFolder } from './screenshots.ts';
import { stepByStep } from './step-by-step.ts';

/** The mistake that the documents show. */
const DOCUMENTED = 'a server with a certificate of its own making';

/** Where pictures of each step are, for whoever wants to see them. */
const walk = join(tmpdir(), 'posthorn-screenshots');

/** What a person enters, and what he is told to do about it. */
interface Mistake {
  readonly name: string;
  /** Of the server. */
  readonly enter: () => { readonly broker: string; readonly port?: number };
  readonly failed: string;
  readonly advice: RegExp;
  readonly reason: RegExp;
}

// One person's way through the dialog, in order: each step stands on the one before.
describe('the button Test connection, in a real browser (skipped without Chromium)', function () {
  this.timeout(60_000);
  const servers: Server[] = [];
  const brokers: FakeBroker[] = [];
  let good: FakeBroker;
  /** Hangs up on what is no MQTT, which the others do not. */
  let plain: AedesBroker;
  let refusing: FakeBroker;
  let secure: FakeBroker;
  let elsewhere: FakeBroker;
  let webPort = 0;
  let sshPort = 0;
  let silentPort = 0;
  let nobodysPort = 0;
  let nodeRed: NodeRedProcess;
  let browser: Browser | undefined;
  let page: Page;
  let editor: EditorPage;
  let images = '';
  let dialogs = 0;

  async function listening(server: Server): Promise<number> {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  async function broker(options: Parameters<typeof FakeBroker.listen>[0]): Promise<FakeBroker> {
    const made = await FakeBroker.listen({ autoRespond: {}, ...options });
    brokers.push(made);
    return made;
  }

  const banner = (text: string): Server =>
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume();
      if (text !== '') socket.write(text);
    });

  before(async function () {
    const chromium = optionalTool('chromium');
    if (chromium === undefined) return this.skip();
    images = screenshotFolder();
    mkdirSync(walk, { recursive: true });
    good = await broker({});
    plain = await startAedesBroker();
    refusing = await broker({
      autoRespond: { connect: () => ({ cmd: 'connack', sessionPresent: false, returnCode: 5, reasonCode: 0x87 }) },
    });
    secure = await broker({ tls: selfSignedPair });
    elsewhere = await broker({ tls: elsewherePair });
    webPort = await listening(createHttpServer((_request, response) => response.writeHead(404).end('<b>no</b>')));
    sshPort = await listening(banner('SSH-2.0-<img src=x onerror=alert(1)>\u001b[31m\r\n'));
    silentPort = await listening(banner(''));
    nobodysPort = await freePort();
    nodeRed = await NodeRedProcess.start(undefined, { root: '/ops/', users: { owner: '*', reader: 'read' } });
    await nodeRed.deploy(
      [
        { id: 'tab', type: 'tab', label: 'Flow' },
        {
          id: 'c',
          type: 'mqtt-connection',
          name: 'The house',
          broker: '127.0.0.1',
          port: good.port,
          credentials: { user: 'ann', password: 'hush-hush' },
        },
        { id: 'out', type: 'mqtt-out', z: 'tab', x: 360, y: 80, topic: 'house/1', qos: '1', broker: 'c', wires: [] },
      ],
      await nodeRed.logIn('owner'),
    );
    browser = await startBrowser(chromium);
    await open(browser, 'owner', { width: 1400, height: 900 });
  });

  stepByStep(() => editor);

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
    await plain?.close();
    for (const one of brokers) await one.close();
    for (const server of servers) server.close();
  });

  async function open(chromium: Browser, user: string, viewport: { width: number; height: number }): Promise<void> {
    page = await chromium.newPage({ viewport, locale: 'en-US' });
    page.on('dialog', (dialog) => {
      dialogs += 1;
      void dialog.dismiss();
    });
    editor = new EditorPage(page);
    await editor.logIn(nodeRed.url, user);
    await editor.edit('out');
    await editor.editConnection();
  }

  const result = (): ReturnType<EditorPage['find']> => editor.find('#posthorn-test-result');

  async function test(): Promise<void> {
    await editor.find('#posthorn-test-button').click();
  }

  async function enter({ broker: name, port }: ReturnType<Mistake['enter']>): Promise<void> {
    await editor.type('#node-config-input-broker', name);
    if (port !== undefined) await editor.type('#node-config-input-port', String(port));
  }

  it('tells what it saw on the way to a broker that accepts, with the password that is stored for it', async () => {
    await test();
    await result().getByText(`Connected to mqtt://127.0.0.1:${good.port} in`).waitFor();
    await result().getByText('The stored password was used.').waitFor();
    const connect = good.peers.at(-1)?.received[0];
    assert.ok(connect?.cmd === 'connect');
    assert.deepEqual([connect.username, String(connect.password)], ['ann', 'hush-hush']);
    assert.doesNotMatch(await page.content(), /hush-hush/);
    await editor.screenshot(join(walk, 'mqtt-connection-test-passed.png'));
  });

  const mistakes: readonly Mistake[] = [
    {
      name: 'a host that is none',
      enter: () => ({ broker: 'nobody.invalid', port: 1883 }),
      failed: 'Failed: Host name',
      reason: /ENOTFOUND|EAI_AGAIN/,
      advice: /Check its spelling, and the name server|Check the network/,
    },
    {
      name: 'a port where nothing listens',
      enter: () => ({ broker: '127.0.0.1', port: nobodysPort }),
      failed: 'Failed: Network',
      reason: /ECONNREFUSED/,
      advice: /Start the broker, or correct the port/,
    },
    {
      name: 'no address of a broker',
      enter: () => ({ broker: 'http://127.0.0.1' }),
      failed: 'Failed: Settings',
      reason: /is not a broker address such as mqtt:\/\/host:1883/,
      advice: /Enter a host name or an IP address, or a URL that begins with mqtt/,
    },
    {
      name: 'the port of a web server',
      enter: () => ({ broker: '127.0.0.1', port: webPort }),
      failed: 'Failed: MQTT',
      reason: /instead of CONNACK: a web server listens there/,
      advice: /A web server listens on this port/,
    },
    {
      name: 'the port of an SSH server, which speaks in markup',
      enter: () => ({ broker: '127.0.0.1', port: sshPort }),
      failed: 'Failed: MQTT',
      reason: /an SSH server listens there/,
      advice: /An SSH server listens on this port/,
    },
    {
      name: 'a port that wants TLS, without it',
      enter: () => ({ broker: '127.0.0.1', port: secure.port }),
      failed: 'Failed: MQTT',
      reason: /CONNACK|CONNECT/,
      advice: /wants TLS: tick “Use TLS”/,
    },
    {
      name: 'TLS at a port without it',
      enter: () => ({ broker: `mqtts://127.0.0.1:${plain.port}` }),
      failed: 'Failed: TLS',
      reason: /TLS/,
      advice: /An MQTT broker without TLS listens on this port/,
    },
    {
      name: DOCUMENTED,
      enter: () => ({ broker: `mqtts://127.0.0.1:${secure.port}` }),
      failed: 'Failed: TLS',
      reason: /DEPTH_ZERO_SELF_SIGNED_CERT/,
      advice: /Choose a TLS configuration in the connection/,
    },
    {
      name: 'a server with the certificate of another host',
      enter: () => ({ broker: `mqtts://127.0.0.1:${elsewhere.port}` }),
      failed: 'Failed: TLS',
      reason: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|ERR_TLS_CERT_ALTNAME_INVALID/,
      advice: /the certificate of the authority/,
    },
    {
      name: 'a WebSocket where a web server has none',
      enter: () => ({ broker: `ws://127.0.0.1:${webPort}/wrong` }),
      failed: 'Failed: WebSocket',
      reason: /404/,
      advice: /many brokers want \/mqtt behind the port/,
    },
    {
      name: 'a WebSocket at a port of plain MQTT',
      enter: () => ({ broker: `ws://127.0.0.1:${plain.port}` }),
      failed: 'Failed: WebSocket',
      reason: /127\.0\.0\.1/,
      advice: /An MQTT broker without WebSocket listens on this port/,
    },
    {
      name: 'a login that the broker refuses',
      enter: () => ({ broker: '127.0.0.1', port: refusing.port }),
      failed: 'Failed: MQTT',
      reason: /0x87/,
      advice: /Enter user name and password in the connection, under “Security”/,
    },
  ];

  for (const [index, { name, enter: what, failed, reason, advice }] of mistakes.entries()) {
    it(`tells what to do about ${name}`, async () => {
      await enter(what());
      await test();
      await result().getByText(failed, { exact: true }).waitFor();
      assert.match(await editor.find('.posthorn-test-steps').innerText(), reason);
      assert.match(await editor.find('.posthorn-test-advice').innerText(), advice);
      assert.equal(await result().locator('img, script, b > *').count(), 0);
      await editor.screenshot(join(walk, `mqtt-connection-test-${String(index + 1).padStart(2, '0')}.png`));
      if (name === DOCUMENTED) await editor.screenshot(join(images, 'mqtt-connection-test.png'));
    });
  }

  it('never took the stored password to another server', () => {
    for (const one of [refusing, secure, elsewhere]) {
      for (const peer of one.peers) {
        for (const packet of peer.received) assert.ok(packet.cmd !== 'connect' || packet.password === undefined);
      }
    }
  });

  it('is stopped by the button, from the keyboard too', async () => {
    await enter({ broker: '127.0.0.1', port: silentPort });
    await editor.find('#posthorn-test-button').focus();
    await page.keyboard.press('Enter');
    await result().getByText('Testing…').waitFor();
    await editor.find('#posthorn-test-button').getByText('Stop').waitFor();
    await page.keyboard.press('Enter');
    await editor.find('#posthorn-test-button').getByText('Test connection').waitFor();
    await result().waitFor({ state: 'hidden' });
  });

  it('ends with the dialog', async () => {
    const asked = page.waitForRequest((request) => request.url().endsWith('/posthorn/test'));
    await test();
    const request = await asked;
    const gone = page.waitForEvent('requestfailed', (failed) => failed === request);
    await editor.find('#node-config-dialog-cancel').click();
    await gone;
    await editor.find('#node-config-dialog-cancel').waitFor({ state: 'detached' });
  });

  it('fits a window of 800 pixels, and is there in the dark', async () => {
    await page.setViewportSize({ width: 800, height: 700 });
    await editor.editConnection();
    await enter({ broker: `mqtts://127.0.0.1:${secure.port}` });
    await test();
    await result().getByText('Failed: TLS', { exact: true }).waitFor();
    const [right = Infinity, edge = 0] = await page.evaluate<number[]>(
      `['#posthorn-test-result', '.red-ui-tray'].map(
        (selector) => [...document.querySelectorAll(selector)].at(-1).getBoundingClientRect().right)`,
    );
    assert.ok(right <= edge, `the result ends at ${right}, the dialog at ${edge}`);
    await editor.screenshot(join(walk, 'mqtt-connection-test-800.png'));
    await page.evaluate(`document.documentElement.classList.add('nr-theme-dark')`);
    await editor.screenshot(join(walk, 'mqtt-connection-test-dark.png'));
    await page.evaluate(`document.documentElement.classList.remove('nr-theme-dark')`);
  });

  it('left no error in the browser console, and ran nothing', () => {
    assert.deepEqual([editor.errors, dialogs], [[], 0]);
  });

  it('says so to who may only look', async () => {
    const again = browser;
    if (again === undefined) assert.fail('there is no browser');
    await page.close();
    await open(again, 'reader', { width: 1400, height: 900 });
    await test();
    await result().getByText('You may not test: that needs the permission mqtt-connection.write').waitFor();
  });
});
