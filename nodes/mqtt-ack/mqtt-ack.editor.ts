import { text } from '../editor/text.ts';

interface MqttAck {
  name: string;
  reasonCode: string | number;
}

RED.nodes.registerType<MqttAck>('mqtt-ack', {
  category: 'network',
  // A hyphen at which the palette does not break the line.
  paletteLabel: 'mqtt‑ack',
  color: '#9a8ae0',
  icon: 'posthorn-ack.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: '' },
    reasonCode: { value: '' },
  },
  label() {
    return this.name || 'mqtt-ack';
  },
  labelStyle() {
    return this.name ? 'node_label_italic' : '';
  },
  inputLabels() {
    return text('mqtt-ack', 'port.input');
  },
  outputLabels() {
    return text('mqtt-ack', 'port.output');
  },
  oneditprepare() {
    // Flow files hold numbers too, which a select does not find among its choices.
    $('#node-input-reasonCode').val(String(this.reasonCode ?? ''));
    $('#node-input-reasonCode').on('change', showTip);
    showTip();
  },
});

function showTip(): void {
  $('#posthorn-ack-refuse-tip').toggle($('#node-input-reasonCode').val() !== '');
}
