import assert from 'node:assert/strict';
import { generate } from 'mqtt-packet';
import { PacketFrames } from './packet-frames.ts';

const PUBLISH = generate({
  cmd: 'publish',
  topic: 't',
  payload: 'x'.repeat(200),
  qos: 1,
  messageId: 1,
  dup: false,
  retain: false,
});
const PINGREQ = generate({ cmd: 'pingreq' });
const PUBACK = generate({ cmd: 'puback', messageId: 1 });
const STREAM = Buffer.concat([PUBLISH, PINGREQ, PUBACK]);
const FRAMES = [
  { type: 3, start: 0, end: PUBLISH.length },
  { type: 12, start: PUBLISH.length, end: PUBLISH.length + 2 },
  { type: 4, start: PUBLISH.length + 2, end: STREAM.length },
];

describe('the breaker finds packets in a stream', () => {
  it('that comes in one piece', () => {
    assert.deepEqual(new PacketFrames().take(STREAM), FRAMES);
  });

  it('that comes byte by byte', () => {
    const frames = new PacketFrames();
    assert.deepEqual(
      [...STREAM].flatMap((byte) => frames.take(Buffer.of(byte))),
      FRAMES,
    );
    assert.equal(frames.offset, STREAM.length);
  });
});
