'use strict';
const { appendFileSync } = require('node:fs');

/** Its work takes a moment, and is in a file when it is done; then the message goes on. */
module.exports = function (RED) {
  RED.nodes.registerType('reliability-worker', function (config) {
    RED.nodes.createNode(this, config);
    this.on('input', (msg, send, done) => {
      const work = () => {
        appendFileSync(config.file, `${msg.payload}\n`);
        send(msg);
        done();
      };
      if (config.ms > 0) setTimeout(work, Math.random() * config.ms);
      else work();
    });
  });
};
