'use strict';
const meter = require('../meter.cjs');

module.exports = function (RED) {
  RED.nodes.registerType('bench-sink', function (config) {
    RED.nodes.createNode(this, config);
    this.on('input', (_message, _send, done) => {
      work(config.workMicros ?? 0);
      if (config.metered) {
        meter.tick();
      }
      done();
    });
  });
};

/** What a flow does with a message: it keeps the processor busy. */
function work(micros) {
  const end = performance.now() + micros / 1000;
  while (performance.now() < end);
}
