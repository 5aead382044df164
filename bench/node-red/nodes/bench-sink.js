'use strict';
const meter = require('../meter.cjs');

module.exports = function (RED) {
  RED.nodes.registerType('bench-sink', function (config) {
    RED.nodes.createNode(this, config);
    this.on('input', (_message, _send, done) => {
      if (config.metered) {
        meter.tick();
      }
      done();
    });
  });
};
