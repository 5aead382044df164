// Counts messages inside the Node-RED process and measures the process between two of them.
'use strict';

let count = 0;
let first = Infinity;
let last = Infinity;
let began;
let finish;
let fail;

/** One message more has passed. */
exports.tick = function tick() {
  count += 1;
  if (count === first) {
    began = { cpu: process.cpuUsage(), wall: process.hrtime.bigint() };
  } else if (count === last) {
    const { user, system } = process.cpuUsage(began.cpu);
    const wallMicros = Number(process.hrtime.bigint() - began.wall) / 1000;
    finish({ cpuMicros: user + system, wallMicros });
  }
};

/** A message went wrong: what is measured is worth nothing. */
exports.fail = function (error) {
  fail?.(error);
};

/**
 * Measures from the message after `warmUp` ones to the last of `messages` more.
 *
 * @param {number} warmUp
 * @param {number} messages
 * @returns {Promise<{ cpuMicros: number, wallMicros: number }>}
 */
exports.measure = function (warmUp, messages) {
  count = 0;
  first = warmUp;
  last = warmUp + messages;
  return new Promise((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
};

/** Set by the source node of a flow that has one: sends so many messages. */
exports.send = undefined;
