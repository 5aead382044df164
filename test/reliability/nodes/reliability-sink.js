'use strict';

/** Counts what arrives: `globalThis.reliability` is the host's. */
module.exports = function (RED) {
  RED.nodes.registerType('reliability-sink', function (config) {
    RED.nodes.createNode(this, config);
    this.on('input', (msg, _send, done) => {
      if (config.counts) globalThis.reliability.counted(config.id);
      else globalThis.reliability.arrived(msg.topic, config.id, Number(msg.payload));
      done();
    });
  });
};
