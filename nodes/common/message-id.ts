import { randomBytes } from 'node:crypto';

const COUNTER_END = 0x1_0000_0000;

let prefix = '';
let counter = COUNTER_END;

/**
 * A value for `msg._msgid`, 16 hexadecimal digits as Node-RED makes them: eight random ones for this process, and a
 * count. Node-RED asks for random bytes for each digit pair, which costs as much as the rest of a message.
 */
export function messageId(): string {
  if (counter === COUNTER_END) {
    prefix = randomBytes(4).toString('hex');
    counter = 0;
  }
  return prefix + (counter++ + COUNTER_END).toString(16).slice(1);
}
