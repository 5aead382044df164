// Counts messages inside the Node-RED process and measures the process until the last of them.
'use strict';

let left = 0;
let began;
let finish;
let fail;

/** One message more has passed. */
exports.tick = function tick() {
  left -= 1;
  if (left === 0) {
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
 * Measures from now, before the first message, until the last one has passed. It cannot begin at a later message: a
 * client that handles a burst as a whole has done most of the work when the first message comes out.
 *
 * @param {number} messages
 * @returns {Promise<{ cpuMicros: number, wallMicros: number }>} rejects where more messages passed than the last
 *   measurement was for
 */
exports.measure = function (messages) {
  const surplus = -left;
  left = messages;
  began = { cpu: process.cpuUsage(), wall: process.hrtime.bigint() };
  return new Promise((resolve, reject) => {
    finish = resolve;
    fail = reject;
    if (surplus > 0) {
      reject(new Error(`${surplus} messages more passed than were sent`));
    }
  });
};

/** Set by the source node of a flow that has one: sends so many messages. */
exports.send = undefined;
