import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { type AedesBroker, startAedesBroker } from '../support/aedes-broker.ts';
import { optionalTool } from '../support/optional.ts';
import { startBrowser } from './browser.ts';
import { EditorPage } from './editor-page.ts';
import { stepByStep } from './step-by-step.ts';
import { NodeRedProcess } from './node-red-process.ts';
import { screenshotFolder } from './screenshots.ts';

const FILTER = 'house/+/temperature';
const TOPIC = 'house/kitchen/temperature';

// One person's way through the editor, in order: each step stands on the one before.
describe('the editor, in a real browser (skipped without Chromium)', function () {
  this.timeout(60_000);

  let broker: AedesBroker | undefined;
  let nodeRed: NodeRedProcess | undefined;
  let browser: Browser | undefined;
  let editor: EditorPage;
  const nodes = { in: '', debug: '', inject: '', out: '' };
  let images = '';

  before(async function () {
    const chromium = optionalTool('chromium');
    if (chromium === undefined) return this.skip();
    images = screenshotFolder();
    broker = await startAedesBroker();
    nodeRed = await NodeRedProcess.start();
    browser = await startBrowser(chromium);
    editor = new EditorPage(await browser.newPage({ viewport: { width: 1400, height: 900 } }));
    await editor.open(nodeRed.url);
  });

  stepByStep(() => editor);

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
    await broker?.close();
  });

  it('takes the nodes from the palette, under names that tell them from the core nodes', async () => {
    assert.equal(await editor.paletteLabel('mqtt-in'), 'mqtt\u2011in');
    assert.equal(await editor.paletteLabel('mqtt-out'), 'mqtt\u2011out');
    nodes.inject = await editor.add('inject', { x: 160, y: 80 });
    nodes.out = await editor.add('mqtt-out', { x: 460, y: 80 });
    nodes.in = await editor.add('mqtt-in', { x: 160, y: 200 });
    nodes.debug = await editor.add('debug', { x: 460, y: 200 });
  });

  it('says what is wrong with a topic filter', async () => {
    await editor.edit(nodes.in);
    await editor.type('#node-input-topic', 'house/#/temperature');
    assert.equal(await editor.reasonOf('topic'), 'Topic “house/#/temperature”: “#” must be the last level');
    await editor.screenshot(join(images, 'mqtt-in-invalid.png'));
    await editor.type('#node-input-topic', FILTER);
    await editor.find('#node-input-topic:not(.input-error)').waitFor();
  });

  it('configures a connection, which is automatic and verifies TLS unless told otherwise', async () => {
    await editor.addConnection();
    assert.equal(await editor.find('#node-config-input-protocolVersion').inputValue(), 'auto');
    assert.equal(await editor.find('#node-config-input-verifyCertificate').isChecked(), true);
    await editor.type('#node-config-input-broker', 'http://127.0.0.1');
    assert.match(await editor.reasonOf('broker'), /^Server “http:\/\/127\.0\.0\.1”: “http” is no way to a broker/);
    await editor.type('#node-config-input-broker', '127.0.0.1');
    await editor.find('#node-config-input-broker:not(.input-error)').waitFor();
    await editor.type('#node-config-input-port', String(broker?.port));
    await editor.screenshot(join(images, 'mqtt-connection.png'));
  });

  it('shows the fields of MQTT 5 with MQTT 5 only', async () => {
    const version = editor.find('#node-config-input-protocolVersion');
    const expiry = editor.find('#node-config-input-sessionExpiry');
    await version.selectOption('4');
    await expiry.waitFor({ state: 'hidden' });
    assert.equal(await editor.find('#posthorn-cleansession-label').innerText(), 'Use clean session');
    await version.selectOption('5');
    await expiry.waitFor({ state: 'visible' });
    assert.equal(await editor.find('#posthorn-cleansession-label').innerText(), 'Use clean start');
  });

  it('asks for a client id where the session is to be kept', async () => {
    await editor.find('#node-config-input-cleansession').uncheck();
    assert.match(await editor.reasonOf('clientid'), /^Client ID is missing/);
    await editor.find('#node-config-input-cleansession').check();
    await editor.find('#node-config-input-clientid:not(.input-error)').waitFor();
  });

  it('unfolds the sections of the messages from the keyboard', async () => {
    await editor.openTab('Messages');
    const will = editor.find('#posthorn-section-will');
    await will.locator('> summary').press('Enter');
    await editor.find('#node-config-input-willTopic').waitFor({ state: 'visible' });
    await editor.type('#node-config-input-willTopic', 'house/state');
    await editor.screenshot(join(images, 'mqtt-connection-messages.png'));
    await editor.type('#node-config-input-willTopic', '');
    await editor.openTab('Connection');
  });

  it('asks what becomes of what waits, and says which number is none', async () => {
    const whenFull = editor.find('#node-config-input-whenFull');
    assert.equal(await whenFull.inputValue(), 'refuse');
    await whenFull.selectOption({ label: 'keep the latest of each topic' });
    await editor.type('#node-config-input-longestWait', '0');
    assert.match(await editor.reasonOf('longestWait'), /^Waits at most/);
    await editor.type('#node-config-input-longestWait', '3600');
    await editor.find('#node-config-input-longestWait:not(.input-error)').waitFor();
    assert.equal(await editor.find('#node-config-input-qos0Waits').isChecked(), false);
    await editor.find('#node-config-input-qos0Waits').check();
    await editor.screenshot(join(images, 'mqtt-connection-outbox.png'));
  });

  it('warns where TLS would not be verified', async () => {
    await editor.find('#node-config-input-usetls').check();
    await editor.find('#node-config-input-verifyCertificate').uncheck();
    await editor.find('#posthorn-verify-off').waitFor({ state: 'visible' });
    await editor.find('#node-config-input-verifyCertificate').check();
    await editor.find('#node-config-input-usetls').uncheck();
    await editor.find('#node-config-input-protocolVersion').selectOption('4');
    await editor.connectionDone();
    await editor.find('#node-input-rh').waitFor({ state: 'hidden' });
    await editor.screenshot(join(images, 'mqtt-in.png'));
    await editor.done();
  });

  it('offers the connection to the next node', async () => {
    await editor.edit(nodes.out);
    await editor.find('#node-input-broker').selectOption({ index: 0 });
    await editor.type('#node-input-topic', TOPIC);
    await editor.find('#node-input-qos').selectOption('2');
    assert.match(
      await editor.find('#posthorn-out-warning').innerText(),
      /^After a break a message with QoS 2 may arrive twice/,
    );
    await editor.find('#node-input-qos').selectOption('1');
    await editor.find('#posthorn-out-warning').waitFor({ state: 'hidden' });
    await editor.screenshot(join(images, 'mqtt-out.png'));
    await editor.done();
  });

  it('deploys, and the nodes say that they are connected', async () => {
    await editor.wire(nodes.inject, nodes.out);
    await editor.wire(nodes.in, nodes.debug);
    await editor.deploy();
    await editor.awaitStatus(nodes.in, 'connected');
    await editor.awaitStatus(nodes.out, 'connected');
  });

  it('publishes by the Inject button and shows what arrives in the debug sidebar', async () => {
    await editor.inject(nodes.inject);
    await editor.awaitDebugMessages(1, TOPIC);
    await editor.screenshot(join(images, 'flow.png'));
  });

  it('keeps what was set, and shows the fields of MQTT 5 once the connection may speak it', async () => {
    await editor.edit(nodes.out);
    assert.equal(await editor.find('#node-input-topic').inputValue(), TOPIC);
    assert.equal(await editor.find('#node-input-qos').inputValue(), '1');
    await editor.editConnection();
    assert.equal(await editor.find('#node-config-input-port').inputValue(), String(broker?.port));
    assert.equal(await editor.find('#node-config-input-whenFull').inputValue(), 'keep-latest');
    assert.equal(await editor.find('#node-config-input-longestWait').inputValue(), '3600');
    assert.equal(await editor.find('#node-config-input-qos0Waits').isChecked(), true);
    await editor.find('#node-config-input-protocolVersion').selectOption('auto');
    await editor.connectionDone();
    await editor.find('#node-input-contentType + .red-ui-typedInput-container').waitFor({ state: 'visible' });
    await editor.screenshot(join(images, 'mqtt-out-v5.png'));
    await editor.done();
  });

  it('connects again after the change, with the version that the broker accepts', async () => {
    await editor.deploy();
    await editor.awaitStatus(nodes.in, 'connected');
    await editor.awaitStatus(nodes.out, 'connected');
    await editor.inject(nodes.inject);
    await editor.awaitDebugMessages(2, TOPIC);
  });

  it('left no error in the browser console', () => assert.deepEqual(editor.errors, []));
});
