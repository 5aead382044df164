import { isSecureUrl, isUrl } from '../common/broker-address.ts';
import { connectionLabel } from '../common/connection-label.ts';
import { registerConvertAction } from '../editor/convert-action.ts';
import type { StoredProperties } from '../editor/message-properties.ts';
import { type MessageKind, fillMessageSection, readMessageSection } from '../editor/message-section.ts';
import { endTest, offerTest } from '../editor/connection-test.ts';
import { formClosed, formOpened, isFormOpen } from '../editor/open-form.ts';
import { isTrue } from '../common/tick.ts';
import { shownVersion, speaksVersion5 } from '../editor/protocol-version.ts';
import type { EditedNode, StoredNode } from '../editor/red.ts';
import { type ClientIdentity, findSameClient } from '../editor/same-client.ts';
import { translateStatuses } from '../editor/status-language.ts';
import { text } from '../editor/text.ts';
import { optionalInput } from '../editor/typed-inputs.ts';
import {
  SECONDS,
  validMessageProperties,
  validNumber,
  validServer,
  validTopicName,
  validUserProperties,
} from '../editor/validators.ts';
import { askBeforeRemoval, showWaiting } from '../editor/waiting.ts';
import { showWarnings } from '../editor/warning.ts';

interface Connection {
  name: string;
  broker: string;
  port: string | number;
  tls: string;
  usetls: boolean | string;
  /** In place of core's `verifyservercert`, whose stored `false` nobody ever chose. */
  verifyCertificate: boolean | string;
  clientid: string;
  autoConnect: boolean | string;
  compatmode: boolean | string;
  protocolVersion: string | number;
  keepalive: string | number;
  connectTimeout: string | number;
  cleansession: boolean | string;
  autoUnsubscribe: boolean | string;
  sessionExpiry: string | number;
  userProps: string;
  maxMessages: string | number;
  maxBytes: string | number;
  maximumInflight: string | number;
  whenFull: string;
  longestWait: string | number;
  qos0Waits: unknown;
  sessionStore: string;
  birthTopic: string;
  birthQos: string;
  birthRetain: string;
  birthPayload: string;
  birthMsg: StoredProperties;
  closeTopic: string;
  closeQos: string;
  closeRetain: string;
  closePayload: string;
  closeMsg: StoredProperties;
  willTopic: string;
  willQos: string;
  willRetain: string;
  willPayload: string;
  willMsg: StoredProperties;
}

type EditedConnection = EditedNode<Connection>;

const MESSAGES: readonly MessageKind[] = ['birth', 'close', 'will'];
const TABS = ['connection', 'security', 'messages'];

RED.nodes.registerType<Connection>('mqtt-connection', {
  category: 'config',
  defaults: {
    name: { value: '' },
    broker: {
      value: '',
      required: true,
      label: text('mqtt-connection', 'label.broker'),
      validate: (value, _options) => validServer(value),
    },
    port: {
      value: 1883,
      required: false,
      validate: (value, _options) => validNumber(value, 'port', { least: 1, most: 65_535 }),
    },
    tls: { type: 'tls-config', value: '', required: false, label: text('mqtt-connection', 'label.tls') },
    usetls: { value: false },
    verifyCertificate: { value: true },
    clientid: {
      value: '',
      validate(value, _options) {
        const blank = typeof value !== 'string' || value.trim() === '';
        return blank && !startsClean(this) ? text('mqtt-connection', 'problem.clientIdMissing') : true;
      },
    },
    autoConnect: { value: true },
    compatmode: { value: false },
    protocolVersion: { value: 'auto' },
    keepalive: {
      value: 60,
      validate: (value, _options) => validNumber(value, 'keepalive', { least: 0, most: 65_535 }),
    },
    connectTimeout: {
      value: 30,
      validate: (value, _options) => validNumber(value, 'connectTimeout', { least: 1, most: 3600 }),
    },
    cleansession: { value: true },
    autoUnsubscribe: { value: false },
    sessionExpiry: { value: 0, validate: (value, _options) => validNumber(value, 'sessionExpiry', SECONDS) },
    userProps: { value: '', validate: (value, _options) => validUserProperties(value) },
    maxMessages: {
      value: 100_000,
      validate: (value, _options) => validNumber(value, 'maxMessages', { least: 1, most: 1_000_000_000 }),
    },
    maxBytes: {
      value: 100,
      validate: (value, _options) => validNumber(value, 'maxBytes', { least: 0.001, most: 1_000_000, fraction: true }),
    },
    maximumInflight: {
      value: '',
      validate: (value, _options) => validNumber(value, 'maximumInflight', { least: 1, most: 65_535 }),
    },
    whenFull: { value: 'refuse' },
    longestWait: {
      value: '',
      validate: (value, _options) => validNumber(value, 'longestWait', { least: 1, most: 0xffffffff }),
    },
    qos0Waits: { value: false },
    sessionStore: { value: 'disk' },
    birthTopic: { value: '', validate: (value, _options) => validTopicName(value) },
    birthQos: { value: '0' },
    birthRetain: { value: 'false' },
    birthPayload: { value: '' },
    birthMsg: { value: {}, validate: (value, _options) => validMessageProperties(value) },
    closeTopic: { value: '', validate: (value, _options) => validTopicName(value) },
    closeQos: { value: '0' },
    closeRetain: { value: 'false' },
    closePayload: { value: '' },
    closeMsg: { value: {}, validate: (value, _options) => validMessageProperties(value) },
    willTopic: { value: '', validate: (value, _options) => validTopicName(value) },
    willQos: { value: '0' },
    willRetain: { value: 'false' },
    willPayload: { value: '' },
    willMsg: { value: {}, validate: (value, _options) => validMessageProperties(value) },
  },
  credentials: {
    user: { type: 'text' },
    password: { type: 'password' },
  },
  label() {
    // At run time it would be localhost, which is not what a person reads in an empty field.
    const isBlank = !this.name && (this.broker ?? '').trim() === '';
    return isBlank ? text('mqtt-connection', 'placeholder.noServer') : connectionLabel(this);
  },
  oneditprepare() {
    formOpened(this.id);
    createTabs();
    fillMissing(this);
    optionalInput('#node-config-input-userProps', 'json', this.userProps);
    for (const kind of MESSAGES) fillMessageSection(kind, propertiesOf(this, kind), opensAtFirst(this, kind));
    follow(fields('usetls', 'tls', 'verifyCertificate', 'broker'), showTls);
    follow(fields('broker'), showPort);
    follow(fields('cleansession'), showSession);
    follow(fields('protocolVersion'), showVersion);
    follow(fields('protocolVersion', 'cleansession', 'sessionExpiry'), warnOfLostSession);
    follow(fields('broker', 'port', 'clientid'), () => warnOfSameClient(this.id));
    showWaiting(this.id, connectionLabel(this));
    offerTest(this.id);
  },
  oneditsave() {
    formClosed(this.id);
    endTest();
    if (!formIsSecure()) $('#node-config-input-tls').val('');
    // The chosen version replaces the old switch for MQTT 3.1, which would win over it.
    this.compatmode = false;
    const version5 = speaksVersion5(valueOf('protocolVersion'));
    for (const kind of MESSAGES) this[`${kind}Msg`] = version5 ? readMessageSection(kind) : {};
  },
  oneditcancel() {
    formClosed(this.id);
    endTest();
  },
  oneditdelete() {
    formClosed(this.id);
    endTest();
  },
});

registerConvertAction();
askBeforeRemoval();
translateStatuses();

function createTabs(): void {
  const tabs = RED.tabs.create({
    id: 'posthorn-connection-tabs',
    onchange(tab) {
      $('#posthorn-connection-panes').children().hide();
      $(`#${tab.id}`).show();
    },
  });
  for (const tab of TABS) {
    tabs.addTab({ id: `posthorn-connection-${tab}`, label: text('mqtt-connection', `tab.${tab}`) });
  }
  // The dialog has no width yet while it is being prepared.
  setTimeout(() => tabs.resize(), 0);
}

// Fields that older flows do not have: shown with the meaning that their absence has at run time.
function fillMissing(node: EditedConnection): void {
  const ticks = ['cleansession', 'autoUnsubscribe', 'autoConnect', 'verifyCertificate'] as const;
  for (const tick of ticks) setTick(tick, node[tick] === undefined || isTrue(node[tick]));
  setTick('usetls', isTrue(node.usetls));
  setIfMissing('keepalive', node.keepalive, 60);
  setIfMissing('connectTimeout', node.connectTimeout, 30);
  setIfMissing('sessionExpiry', node.sessionExpiry, 0);
  setIfMissing('maxMessages', node.maxMessages, 100_000);
  setIfMissing('maxBytes', node.maxBytes, 100);
  setIfMissing('whenFull', node.whenFull, 'refuse');
  setTick('qos0Waits', isTrue(node.qos0Waits));
  setIfMissing('sessionStore', node.sessionStore, 'disk');
  for (const kind of MESSAGES) {
    setIfMissing(`${kind}Qos`, node[`${kind}Qos`], '0');
    $(`#node-config-input-${kind}Retain`).val(String(isTrue(node[`${kind}Retain`])));
  }
  $('#node-config-input-protocolVersion').val(shownVersion(node.protocolVersion, node.compatmode));
}

function setTick(name: string, on: boolean): void {
  $(`#node-config-input-${name}`).prop('checked', on);
}

function setIfMissing(name: string, stored: unknown, meaning: string | number): void {
  if (stored === undefined || stored === null) $(`#node-config-input-${name}`).val(meaning);
}

function propertiesOf(node: Partial<Connection>, kind: MessageKind): StoredProperties {
  return node[`${kind}Msg`] ?? {};
}

// The first section shows what such a section is; the others open where they hold something.
function opensAtFirst(node: Partial<Connection>, kind: MessageKind): boolean {
  const isSet = (one: MessageKind) => (node[`${one}Topic`] ?? '') !== '';
  return isSet(kind) || (kind === 'birth' && !MESSAGES.some(isSet));
}

function follow(selector: string, update: () => void): void {
  $(selector).on('change keyup', update);
  update();
}

function showTls(): void {
  const secure = formIsSecure();
  // A TLS configuration has a tick of its own, which wins over this one.
  const configured = secure && !['', '_ADD_'].includes(valueOf('tls'));
  $('#posthorn-row-tls').toggle(secure);
  $('#posthorn-tls-decides').toggle(configured);
  $('#posthorn-row-verify').toggle(secure && !configured);
  $('#posthorn-verify-off').toggle(!isTicked('verifyCertificate'));
}

function formIsSecure(): boolean {
  return isTicked('usetls') || isSecureUrl(valueOf('broker'));
}

function showPort(): void {
  $('#node-config-input-port').prop('disabled', isUrl(valueOf('broker')));
}

function showSession(): void {
  const clean = isTicked('cleansession');
  $('.posthorn-row-persistent').toggle(!clean);
  const placeholder = clean ? 'placeholder.clientId' : 'placeholder.clientIdNeeded';
  $('#node-config-input-clientid').attr('placeholder', text('mqtt-connection', placeholder)).trigger('change');
}

function showVersion(): void {
  const version = valueOf('protocolVersion');
  $('#posthorn-connection-panes .posthorn-v5').toggle(speaksVersion5(version));
  const label = speaksVersion5(version) ? 'label.cleanStart' : 'label.cleanSession';
  $('#posthorn-cleansession-label').text(text('mqtt-connection', label));
}

// With MQTT 5 an expiry of 0 ends the session together with the connection, whatever the tick says.
function warnOfLostSession(): void {
  const lost =
    speaksVersion5(valueOf('protocolVersion')) && !isTicked('cleansession') && Number(valueOf('sessionExpiry')) === 0;
  showWarnings('#posthorn-session-warning', lost ? [text('mqtt-connection', 'warning.sessionLost')] : []);
}

function warnOfSameClient(id: string): void {
  const self = { id, broker: valueOf('broker'), port: valueOf('port'), clientid: valueOf('clientid') };
  const same = findSameClient(self, otherConnections());
  const warnings =
    same === undefined
      ? []
      : [text('mqtt-connection', 'warning.sameClient', { name: connectionLabel(same), clientId: self.clientid })];
  showWarnings('#posthorn-connection-warning', warnings);
}

function otherConnections(): (ClientIdentity & StoredNode)[] {
  const found: (ClientIdentity & StoredNode)[] = [];
  RED.nodes.eachConfig((node) => {
    if (node.type === 'mqtt-connection' && node.d !== true) found.push(node);
  });
  return found;
}

// Needed by the validator of another field, so it must know whether the form or the stored value counts.
function startsClean(node: EditedConnection): boolean {
  if (isFormOpen(node.id)) return isTicked('cleansession');
  return node.cleansession === undefined || isTrue(node.cleansession);
}

function fields(...names: string[]): string {
  return names.map((name) => `#node-config-input-${name}`).join(', ');
}

function isTicked(name: string): boolean {
  return $(`#node-config-input-${name}`).is(':checked');
}

function valueOf(name: string): string {
  const value = $(`#node-config-input-${name}`).val();
  return typeof value === 'string' ? value.trim() : '';
}
