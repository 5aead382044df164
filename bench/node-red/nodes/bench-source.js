'use strict';
const meter = require('../meter.cjs');

// So many messages are on their way at most, and half of them at least while there are any to send.
const WINDOW = 500;
// Nor more bytes than these, at least two messages.
const WINDOW_BYTES = 16 * 1024 * 1024;

module.exports = function (RED) {
  RED.nodes.registerType('bench-source', function (config) {
    RED.nodes.createNode(this, config);
    const { kind = 'buffer', bytes = 64 } = config.payload ?? {};
    const payload = kind === 'text' ? 'x'.repeat(bytes) : Buffer.alloc(bytes, 'x');
    const most = Math.max(2, Math.min(WINDOW, Math.floor(WINDOW_BYTES / bytes)));
    let left = 0;
    let underway = 0;
    let waking = false;

    const pump = () => {
      waking = false;
      while (left > 0 && underway < most) {
        left -= 1;
        underway += 1;
        this.send({ topic: config.topic, payload });
      }
    };

    meter.send = (messages) => {
      left = messages;
      pump();
    };

    RED.hooks.add('onComplete.bench', ({ node, error }) => {
      if (node.id !== config.target) {
        return;
      }
      if (error) {
        meter.fail(error);
      }
      underway -= 1;
      meter.tick();
      if (!waking && left > 0 && underway <= most / 2) {
        waking = true;
        setImmediate(pump);
      }
    });
    this.on('close', () => RED.hooks.remove('*.bench'));
  });
};
