import { ACK_TIMEOUT, ACKNOWLEDGE_MISSING, AT_ONCE, waitsForFlow } from '../common/acknowledge-fields.ts';
import { hasMqttAck, noAckWarning } from '../editor/acknowledgement.ts';
import { chosenConnectionSpeaksVersion5 } from '../editor/chosen-connection.ts';
import { formClosed, formOpened, isFormOpen } from '../editor/open-form.ts';
import { isTrue } from '../common/tick.ts';
import type { EditedNode, StoredNode } from '../editor/red.ts';
import { subscriptionConflicts } from '../editor/subscription-conflicts.ts';
import { takeOnlyConnection } from '../editor/only-connection.ts';
import { text } from '../editor/text.ts';
import { completeTopics } from '../editor/topic-completion.ts';
import { validNumber, validTopicFilter } from '../editor/validators.ts';
import { showWarnings } from '../editor/warning.ts';

interface MqttIn {
  name: string;
  topic: string;
  qos: string | number;
  datatype: string;
  broker: string;
  nl: boolean | string;
  rap: boolean | string;
  rh: string | number;
  inputs: number;
  acknowledge: string;
  atOnce: string | number;
  ackTimeout: string | number;
  whenLate: string;
  qos0WhenFull: string;
}

const SHOWN_CONFLICTS = 3;

RED.nodes.registerType<MqttIn>('mqtt-in', {
  category: 'network',
  // A hyphen at which the palette does not break the line.
  paletteLabel: 'mqtt‑in',
  color: '#9a8ae0',
  icon: 'posthorn-in.svg',
  inputs: 0,
  outputs: 1,
  defaults: {
    name: { value: '' },
    topic: {
      value: '',
      validate(value, _options) {
        return isDynamic(this) ? true : validTopicFilter(value);
      },
    },
    qos: { value: '2' },
    datatype: { value: 'auto-detect', required: true, label: text('mqtt-in', 'label.datatype') },
    broker: {
      type: 'mqtt-connection',
      value: '',
      required: true,
      label: text('mqtt-connection', 'label.connection'),
    },
    nl: { value: false },
    rap: { value: true },
    rh: { value: 0 },
    inputs: { value: 0 },
    acknowledge: { value: ACKNOWLEDGE_MISSING.acknowledge },
    atOnce: {
      value: ACKNOWLEDGE_MISSING.atOnce,
      validate(value, _options) {
        return acknowledgesByFlow(this) ? validNumber(value, 'atOnce', AT_ONCE, 'mqtt-in') : true;
      },
    },
    ackTimeout: {
      value: ACKNOWLEDGE_MISSING.ackTimeout,
      validate(value, _options) {
        return acknowledgesByFlow(this) ? validNumber(value, 'ackTimeout', ACK_TIMEOUT, 'mqtt-in') : true;
      },
    },
    whenLate: { value: ACKNOWLEDGE_MISSING.whenLate },
    qos0WhenFull: { value: ACKNOWLEDGE_MISSING.qos0WhenFull },
  },
  label() {
    return this.name || (this.inputs === 1 ? '' : this.topic) || 'mqtt-in';
  },
  labelStyle() {
    return this.name ? 'node_label_italic' : '';
  },
  inputLabels() {
    return text('mqtt-in', 'port.input');
  },
  outputLabels() {
    return text('mqtt-in', 'port.output');
  },
  onadd() {
    takeOnlyConnection(this);
  },
  oneditprepare() {
    formOpened(this.id);
    completeTopics('#node-input-topic', this);
    fillMissing(this);
    follow('#posthorn-in-action, #node-input-broker', showRows);
    follow('#node-input-datatype', showDatatypeTip);
    follow('#posthorn-in-action, #node-input-broker, #node-input-topic, #node-input-nl', () => warn(this.id));
    follow('#node-input-acknowledge', showFlowRows);
    follow('#node-input-acknowledge, #node-input-ackTimeout', showTimeout);
  },
  oneditsave() {
    if (formIsDynamic()) $('#node-input-topic').val('');
    formClosed(this.id);
  },
  oneditcancel() {
    formClosed(this.id);
  },
});

// Fields that older flows do not have: shown with the meaning that their absence has at run time.
function fillMissing(node: EditedNode<MqttIn>): void {
  $('#posthorn-in-action').val(node.inputs === 1 ? 'dynamic' : 'topic');
  if (!['0', '1', '2'].includes(String(node.qos))) $('#node-input-qos').val('2');
  if (node.datatype === undefined) $('#node-input-datatype').val('utf8');
  if (node.rh === undefined) $('#node-input-rh').val('0');
  $('#node-input-nl').prop('checked', isTrue(node.nl));
  $('#node-input-rap').prop('checked', node.rap === undefined || isTrue(node.rap));
  for (const [name, value] of Object.entries(ACKNOWLEDGE_MISSING)) {
    if (node[name as keyof typeof ACKNOWLEDGE_MISSING] === undefined) $(`#node-input-${name}`).val(value);
  }
}

function follow(selector: string, update: () => void): void {
  $(selector).on('change keyup', update);
  update();
}

function showRows(): void {
  const dynamic = formIsDynamic();
  const version5 = chosenConnectionSpeaksVersion5();
  $('#node-input-inputs').val(dynamic ? 1 : 0);
  $('.posthorn-static').toggle(!dynamic);
  $('.posthorn-static.posthorn-v5').toggle(!dynamic && version5);
  $('#posthorn-in-dynamic-tip').toggle(dynamic);
  // The topic's validity depends on the action; Node-RED looks again when the field says that it changed.
  $('#node-input-topic').trigger('change');
}

function showDatatypeTip(): void {
  $('#posthorn-in-auto-tip').toggle($('#node-input-datatype').val() === 'auto');
}

function showFlowRows(): void {
  $('.posthorn-flow').toggle(formAcknowledgesByFlow());
  // What is hidden is not judged; Node-RED looks again when the field says that it changed.
  $('#node-input-atOnce, #node-input-ackTimeout').trigger('change');
}

function showTimeout(): void {
  const byFlow = formAcknowledgesByFlow();
  const timeout = String($('#node-input-ackTimeout').val() ?? '').trim();
  $('#posthorn-in-row-whenLate').toggle(byFlow && timeout !== '');
  const warns = byFlow && !hasMqttAck(allNodes(), isTabDisabled);
  showWarnings('#posthorn-in-no-ack', warns ? [text('mqtt-in', `warning.${noAckWarning(timeout)}`)] : []);
}

function warn(id: string): void {
  showWarnings('#posthorn-in-warning', formIsDynamic() ? [] : [...noLocalWarning(), ...conflictWarnings(id)]);
}

// [MQTT-3.8.3-4] a broker closes the connection on it.
function noLocalWarning(): string[] {
  const refused =
    $('#node-input-nl').is(':checked') && topicInForm().startsWith('$share/') && chosenConnectionSpeaksVersion5();
  return refused ? [text('mqtt-in', 'warning.noLocalShared')] : [];
}

function conflictWarnings(id: string): string[] {
  const self = { id, broker: String($('#node-input-broker').val() ?? ''), topic: topicInForm() };
  const conflicts = subscriptionConflicts(self, otherNodes());
  const sentences = conflicts
    .slice(0, SHOWN_CONFLICTS)
    .map(({ overlap, name, topic }) => text('mqtt-in', `warning.${overlap}`, { name, topic }));
  const more = conflicts.length - sentences.length;
  return more > 0 ? [...sentences, text('mqtt-in', 'warning.more', { more })] : sentences;
}

function otherNodes(): StoredNode[] {
  return allNodes().filter((node) => node.type === 'mqtt-in' && node.d !== true);
}

function allNodes(): StoredNode[] {
  const found: StoredNode[] = [];
  RED.nodes.eachNode((node) => void found.push(node));
  return found;
}

function isTabDisabled(id: unknown): boolean {
  return typeof id === 'string' && RED.nodes.workspace(id)?.disabled === true;
}

function isDynamic(node: EditedNode<MqttIn>): boolean {
  return isFormOpen(node.id) ? formIsDynamic() : node.inputs === 1;
}

function formIsDynamic(): boolean {
  return $('#posthorn-in-action').val() === 'dynamic';
}

function acknowledgesByFlow(node: EditedNode<MqttIn>): boolean {
  return isFormOpen(node.id) ? formAcknowledgesByFlow() : waitsForFlow(node.acknowledge);
}

function formAcknowledgesByFlow(): boolean {
  return waitsForFlow($('#node-input-acknowledge').val());
}

function topicInForm(): string {
  return String($('#node-input-topic').val() ?? '');
}
