import { chosenConnectionLosesSession, chosenConnectionSpeaksVersion5 } from '../editor/chosen-connection.ts';
import { takeOnlyConnection } from '../editor/only-connection.ts';
import { text } from '../editor/text.ts';
import { completeTopics } from '../editor/topic-completion.ts';
import { contentTypeInput, optionalInput } from '../editor/typed-inputs.ts';
import { SECONDS, validNumber, validTopicName, validUserProperties } from '../editor/validators.ts';
import { showWarnings } from '../editor/warning.ts';

interface MqttOut {
  name: string;
  topic: string;
  qos: string | number;
  retain: string;
  respTopic: string;
  contentType: string;
  userProps: string;
  correl: string;
  expiry: string | number;
  completes: string;
  broker: string;
}

RED.nodes.registerType<MqttOut>('mqtt-out', {
  category: 'network',
  // A hyphen at which the palette does not break the line.
  paletteLabel: 'mqtt‑out',
  color: '#9a8ae0',
  icon: 'posthorn-out.svg',
  align: 'right',
  inputs: 1,
  outputs: 0,
  defaults: {
    name: { value: '' },
    topic: { value: '', validate: (value, _options) => validTopicName(value) },
    qos: { value: '' },
    retain: { value: '' },
    respTopic: { value: '', validate: (value, _options) => validTopicName(value) },
    contentType: { value: '' },
    userProps: { value: '', validate: (value, _options) => validUserProperties(value) },
    correl: { value: '' },
    expiry: { value: '', validate: (value, _options) => validNumber(value, 'expiry', SECONDS) },
    completes: { value: 'broker' },
    broker: {
      type: 'mqtt-connection',
      value: '',
      required: true,
      label: text('mqtt-connection', 'label.connection'),
    },
  },
  label() {
    return this.name || this.topic || 'mqtt-out';
  },
  labelStyle() {
    return this.name ? 'node_label_italic' : '';
  },
  inputLabels() {
    return text('mqtt-out', 'port.input');
  },
  onadd() {
    takeOnlyConnection(this);
  },
  oneditprepare() {
    completeTopics('#node-input-topic', this);
    const fromMessage = text('mqtt-out', 'choice.fromMessage');
    optionalInput('#node-input-userProps', 'json', this.userProps, fromMessage);
    optionalInput('#node-input-respTopic', 'str', this.respTopic, fromMessage);
    optionalInput('#node-input-correl', 'str', this.correl, fromMessage);
    optionalInput('#node-input-expiry', 'num', this.expiry, fromMessage);
    contentTypeInput('#node-input-contentType', this.contentType, fromMessage);
    // Flow files hold numbers and booleans too, which a select does not find among its choices.
    $('#node-input-qos').val(asText(this.qos));
    $('#node-input-retain').val(asText(this.retain));
    $('#node-input-completes').val(this.completes === 'stored' ? 'stored' : 'broker');
    $('#node-input-broker, #node-input-respTopic').on('change', showRows);
    $('#node-input-broker, #node-input-qos').on('change', warn);
    showRows();
    warn();
  },
});

function showRows(): void {
  $('.posthorn-v5').toggle(chosenConnectionSpeaksVersion5());
  // Correlation data answers a request: it means something only with a response topic.
  const asksForResponse = $('#node-input-respTopic').typedInput('type') !== 'none';
  $('#posthorn-out-row-correl').toggle(chosenConnectionSpeaksVersion5() && asksForResponse);
}

function warn(): void {
  const inDoubt = $('#node-input-qos').val() === '2' && chosenConnectionLosesSession();
  showWarnings('#posthorn-out-warning', inDoubt ? [text('mqtt-out', 'warning.exactlyOnce')] : []);
}

function asText(stored: unknown): string {
  return ['string', 'number', 'boolean'].includes(typeof stored) ? String(stored) : '';
}
