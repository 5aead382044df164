import assert from 'node:assert/strict';
import { type FrameHandler, Framer, type OversizedHandler } from '../../../src/codec/framer.ts';
import { TurnMemory } from '../../../src/codec/turn-memory.ts';
import { ProtocolViolation } from '../../../src/protocol/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { randomFrom, wholeNumber } from '../../support/random.ts';
import { frame, hex, varint } from './wire.ts';

function framerFor(maximum: number, handle: FrameHandler, oversized?: OversizedHandler): Framer {
  return new Framer(new TurnMemory(new FakeClock()), maximum, handle, oversized);
}

/** A framer that collects copies of the whole packets, and where their bodies begin. */
function collector(maximum = Infinity): { framer: Framer; packets: string[]; headers: number[] } {
  const packets: string[] = [];
  const headers: number[] = [];
  const framer = framerFor(maximum, (buffer, start, bodyStart, end) => {
    packets.push(buffer.toString('hex', start, end));
    headers.push(bodyStart - start);
    return true;
  });
  return { framer, packets, headers };
}

function splitAt(bytes: Buffer, size: (at: number) => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + size(at);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

/** Remaining Lengths on both sides of every header length. */
const LENGTHS = [0, 1, 2, 126, 127, 128, 129, 16_383, 16_384, 16_385, 65_535, 65_536, 70_000];
const STREAM = Buffer.concat(LENGTHS.map((length, index) => frame(0x30, Buffer.alloc(length, index))));
const EXPECTED = LENGTHS.map((length, index) => frame(0x30, Buffer.alloc(length, index)).toString('hex'));

function refuses(framer: Framer, bytes: Buffer, reasonCode: number): void {
  assert.throws(
    () => framer.push(bytes),
    (error) => error instanceof ProtocolViolation && error.reasonCode === reasonCode,
  );
}

describe('Framer', () => {
  it('cuts a fully coalesced stream into its packets', () => {
    const { framer, packets } = collector();
    framer.push(STREAM);
    assert.deepEqual(packets, EXPECTED);
  });

  it('cuts a stream that comes one byte at a time', () => {
    const { framer, packets } = collector();
    for (const chunk of splitAt(STREAM, () => 1)) framer.push(chunk);
    assert.deepEqual(packets, EXPECTED);
  });

  it('cuts a stream in random pieces, 50 seeds', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = randomFrom(seed);
      const { framer, packets } = collector();
      const most = 10 ** wholeNumber(random, 0, 5);
      for (const chunk of splitAt(STREAM, () => wholeNumber(random, 1, most))) framer.push(chunk);
      assert.deepEqual(packets, EXPECTED, `seed ${seed}`);
    }
  });

  it('cuts a packet that is split at every single place', () => {
    const bytes = Buffer.concat([frame(0x30, Buffer.alloc(200, 7)), hex('d000'), frame(0x40, hex('0001'))]);
    for (let at = 1; at < bytes.length; at++) {
      const { framer, packets } = collector();
      framer.push(bytes.subarray(0, at));
      framer.push(bytes.subarray(at));
      assert.equal(packets.join(''), bytes.toString('hex'), `split at ${at}`);
      assert.equal(packets.length, 3);
    }
  });

  it('ignores empty chunks', () => {
    const { framer, packets } = collector();
    for (const chunk of ['', 'd0', '', '00', '']) framer.push(hex(chunk));
    assert.deepEqual(packets, ['d000']);
  });

  it('tells where the variable header begins', () => {
    const { framer, headers } = collector();
    for (const length of [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
      framer.push(frame(0x30, Buffer.alloc(length)));
    }
    assert.deepEqual(headers, [2, 2, 3, 3, 4, 4, 5]);
  });

  it('hands on packets that stay as they are when the chunk is used again, until two turns have passed', () => {
    const stream = Buffer.concat([hex('d000'), frame(0x30, Buffer.alloc(100_000, 7)), frame(0x30, hex('000161'))]);
    const expected = [hex('d000'), frame(0x30, Buffer.alloc(100_000, 7)), frame(0x30, hex('000161'))];
    for (const size of [1000, 65_536, stream.length]) {
      const clock = new FakeClock();
      const packets: Buffer[] = [];
      const framer = new Framer(new TurnMemory(clock), Infinity, (buffer, start, _body, end) => {
        return packets.push(buffer.subarray(start, end)) > 0;
      });
      const read = (): void => {
        for (const part of splitAt(stream, () => size)) {
          const chunk = Buffer.from(part);
          framer.push(chunk);
          chunk.fill(0xdd);
        }
      };
      read();
      const first = packets.splice(0);
      read();
      clock.io();
      assert.deepEqual(first, expected, `${size}, in the turn behind theirs`);
      read();
      assert.deepEqual(packets.slice(0, 3), expected);
    }
  });

  it('keeps what waits while it is paused, for however many turns', () => {
    const clock = new FakeClock();
    const packets: string[] = [];
    const framer: Framer = new Framer(new TurnMemory(clock), Infinity, (buffer, start, _body, end) => {
      packets.push(buffer.toString('hex', start, end));
      framer.pause();
      return true;
    });
    const other = new Framer(new TurnMemory(clock), Infinity, () => true);
    const chunk = Buffer.concat([hex('d000'), frame(0x30, hex('000161'))]);
    framer.push(chunk);
    chunk.fill(0xdd);
    for (let turn = 0; turn < 5; turn++) {
      other.push(Buffer.concat([hex('d000'), Buffer.from([0x30, 0])]));
      clock.io();
    }
    framer.resume();
    assert.deepEqual(packets, ['d000', frame(0x30, hex('000161')).toString('hex')]);
  });

  describe('Remaining Length', () => {
    for (const [what, bytes] of [
      ['8A 00', 'c08a00'],
      ['80 00', 'c08000'],
      ['80 80 00', 'c0808000'],
      ['FF FF FF 00', 'c0ffffff00'],
      ['five bytes', 'c0ffffffff7f'],
      ['four bytes that all say more follows', 'c080808080'],
    ] as const) {
      it(`refuses ${what} with 0x81, whole or byte by byte [MQTT-1.5.5-1]`, () => {
        refuses(collector().framer, hex(bytes), 0x81);
        const { framer, packets } = collector();
        const [last, ...others] = [...splitAt(hex(bytes), () => 1)].reverse();
        assert.throws(
          () => {
            for (const chunk of others.reverse()) framer.push(chunk);
            if (last !== undefined) framer.push(last);
          },
          (error) => error instanceof ProtocolViolation && error.reasonCode === 0x81,
        );
        assert.deepEqual(packets, []);
      });
    }
  });

  describe('a packet above our Maximum Packet Size [MQTT-3.1.2-24]', () => {
    it('counts the fixed header: exactly the maximum passes, one byte more does not', () => {
      const { framer, packets } = collector(130);
      framer.push(frame(0x30, Buffer.alloc(127)));
      refuses(framer, frame(0x30, Buffer.alloc(128)).subarray(0, 3), 0x95);
      assert.equal(packets.length, 1);
    });

    it('is refused by its header alone, before its body arrives', () => {
      refuses(collector(1000).framer, Buffer.concat([hex('30'), varint(268_435_455)]), 0x95);
    });

    it('is refused when the header itself comes byte by byte', () => {
      const { framer } = collector(1000);
      for (const byte of ['30', 'ff', 'ff', 'ff']) framer.push(hex(byte));
      refuses(framer, hex('7f'), 0x95);
    });

    it('is refused behind packets that are in order, which are handed on first', () => {
      const { framer, packets } = collector(100);
      refuses(framer, Buffer.concat([hex('d000'), frame(0x30, Buffer.alloc(99))]), 0x95);
      assert.deepEqual(packets, ['d000']);
    });
  });

  describe('a PUBLISH above the maximum of a Server that could not know it', () => {
    /** A framer that lets them pass, and notes what it is told of them. */
    function letting(maximum: number): { framer: Framer; told: string[] } {
      const told: string[] = [];
      const framer = framerFor(
        maximum,
        (buffer, start, _body, end) => told.push(buffer.toString('hex', start, end)) > 0,
        (first, head, size) => told.push(`${first.toString(16)} ${head.toString('latin1', 0, 6)} ${size}`) > 0,
      );
      return { framer, told };
    }

    const large = frame(0x32, Buffer.from('\0\x04name'), Buffer.alloc(200_000, 0xff));
    const stream = Buffer.concat([hex('d000'), large, hex('4002 0001'), large, large, hex('d000')]);
    const passed = `32 \0\x04name ${large.length}`;
    const expected = ['d000', passed, '40020001', passed, passed, 'd000'];

    it('passes without being kept, however it is split; what stands around it is handed on in order', () => {
      for (const size of [1, 2, 7, 65_536, 200_003, stream.length]) {
        const { framer, told } = letting(1000);
        for (const chunk of splitAt(stream, () => size)) framer.push(chunk);
        assert.deepEqual(told, expected, `chunks of ${size}`);
      }
    });

    it('costs the memory of its beginning', () => {
      const { framer } = letting(1000);
      const chunk = Buffer.alloc(65_536);
      framer.push(Buffer.concat([hex('30'), varint(200_000_000)]));
      const before = process.memoryUsage().arrayBuffers;
      for (let n = 0; n < 1000; n++) framer.push(chunk);
      const grown = process.memoryUsage().arrayBuffers - before;
      assert.ok(grown < 1_000_000, `${grown} bytes`);
    });

    it('any other packet above it is refused as ever', () => {
      refuses(letting(1000).framer, frame(0x90, Buffer.alloc(2000)), 0x95);
    });
  });

  it('allocates for the bytes that arrived, not for the size that was announced', () => {
    const { framer } = collector();
    const before = process.memoryUsage().arrayBuffers;
    framer.push(Buffer.concat([hex('30'), varint(200_000_000), Buffer.alloc(1000)]));
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 1_000_000, `${grown} bytes for an announced size`);
  });

  describe('paused', () => {
    /** A framer that pauses after every packet. */
    function pausing(): { framer: Framer; packets: string[] } {
      const packets: string[] = [];
      const framer = framerFor(Infinity, (buffer, start, _body, end) => {
        packets.push(buffer.toString('hex', start, end));
        framer.pause();
        return true;
      });
      return { framer, packets };
    }

    it('hands on nothing, and resumed everything, one packet at a time, in order', () => {
      for (const size of [100, 1000, 100_000, STREAM.length]) {
        const { framer, packets } = pausing();
        for (const chunk of splitAt(STREAM, () => size)) framer.push(chunk);
        for (let resumed = 1; resumed <= LENGTHS.length; resumed++) {
          assert.deepEqual(packets, EXPECTED.slice(0, resumed), `chunks of ${size}`);
          assert.equal(framer.paused, true);
          framer.resume();
        }
        assert.equal(framer.paused, false);
      }
    });

    it('and stopped, it hands on nothing any more', () => {
      const { framer, packets } = pausing();
      framer.push(hex('d000 d000'));
      framer.stop();
      framer.resume();
      assert.deepEqual(packets, ['d000']);
    });
  });

  describe('once stopped', () => {
    it('reads nothing behind the packet whose handler answered false', () => {
      const packets: string[] = [];
      const framer = framerFor(Infinity, (buffer, start, _body, end) => {
        packets.push(buffer.toString('hex', start, end));
        return packets.length < 2;
      });
      framer.push(hex('d000 d000 d000 c08000'));
      framer.push(hex('d000'));
      assert.equal(packets.length, 2);
    });

    it('does not complete a packet that had begun', () => {
      const { framer, packets } = collector();
      framer.push(hex('3003 00'));
      framer.stop();
      framer.push(hex('0161'));
      assert.deepEqual(packets, []);
    });

    it('by its handler in the middle of a chunk, it leaves the rest alone', () => {
      const packets: string[] = [];
      const framer = framerFor(Infinity, (buffer, start, _body, end) => {
        packets.push(buffer.toString('hex', start, end));
        framer.stop();
        return true;
      });
      framer.push(hex('d0'));
      framer.push(hex('00 d000'));
      assert.deepEqual(packets, ['d000']);
    });
  });
});
