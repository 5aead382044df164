'use strict';

const { writeSync, openSync } = require('node:fs');
const { connect } = require('node:net');
const { createInterface } = require('node:readline');

/**
 * What the breaker has inside Node-RED: it hands in numbers, and writes down what becomes of them, each line in a write of
 * its own before anything else happens, so that it outlives the process. `settings.chaos` says where.
 */
module.exports = function (RED) {
  const { port, ledger } = RED.settings.chaos;
  const file = openSync(ledger, 'a');
  const lifeLine = connect(port, '127.0.0.1');

  function write(kind, stream, number, text = '') {
    writeSync(file, `${kind} ${stream} ${number} ${Date.now()} ${text}\n`);
  }

  function isOurs({ id, node }, msg) {
    return node?.type === 'mqtt-out' && msg?.number !== undefined && id !== undefined;
  }

  // In front of it a line that the last process did not finish.
  writeSync(file, `\nlife - ${process.pid} ${Date.now()} \n`);

  // Its input callback is gone when Node-RED itself gives it nothing any more: it has taken nothing then.
  RED.hooks.add('onReceive.chaos', ({ msg, destination }) => {
    if (isOurs(destination, msg) && destination.node._inputCallback) write('accepted', destination.id, msg.number);
  });
  RED.hooks.add('onComplete.chaos', ({ msg, node, error }) => {
    if (!isOurs(node, msg)) return;
    if (error) write('failed', node.id, msg.number, JSON.stringify(String(error)));
    else write('done', node.id, msg.number);
  });
  RED.events.on('flows:started', () => lifeLine.write('started\n'));

  // Nobody is left who would end this process.
  const end = () => process.exit(1);
  lifeLine.on('close', end).on('error', end);
  createInterface(lifeLine)
    .on('error', end)
    .on('line', (line) => {
      const [id, number, size] = line.split(' ');
      RED.nodes.getNode(id)?.give?.(Number(number), Number(size));
    });

  RED.nodes.registerType('chaos-source', function (config) {
    RED.nodes.createNode(this, config);
    this.give = (number, size) => this.send({ payload: `${number} `.padEnd(size, '.'), number });
  });

  RED.nodes.registerType('chaos-sink', function (config) {
    RED.nodes.createNode(this, config);
    const stream = config.id.replace(/-sink$/, '');
    this.on('input', (msg, _send, done) => {
      write('received', stream, parseInt(msg.payload, 10));
      done();
    });
  });
};
