// Counts messages inside the Node-RED process and measures the process until the last of them.
'use strict';

const TIMER_MS = 5;

let left = 0;
let began;
let finish;
let fail;
let watch;

/** One message more has passed. */
exports.tick = function tick() {
  left -= 1;
  if (left === 0) {
    const { user, system } = process.cpuUsage(began.cpu);
    const wallMicros = Number(process.hrtime.bigint() - began.wall) / 1000;
    finish({ cpuMicros: user + system, wallMicros, longestGapMs: watch?.end() });
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
 * @param {boolean} watchTimers measures too how long a timer of 5 ms had to wait at most: for so long nothing else ran
 * @returns {Promise<{ cpuMicros: number, wallMicros: number, longestGapMs: number | undefined }>} rejects where more messages passed than the last
 *   measurement was for
 */
exports.measure = function (messages, watchTimers) {
  const surplus = -left;
  left = messages;
  watch = watchTimers ? watchedTimer() : undefined;
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

function watchedTimer() {
  let last = performance.now();
  let longest = 0;
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, TIMER_MS);
  return {
    end() {
      clearInterval(timer);
      look();
      return longest;
    },
  };
}
