import { ReasonCode } from '../protocol/reason-codes.ts';
import { malformed, ProtocolViolation } from '../protocol/errors.ts';
import { OversizedPacket } from './oversized.ts';
import type { TurnMemory } from './turn-memory.ts';

/**
 * Takes one whole control packet: `buffer[start, end)`, whose variable header begins at `bodyStart`. The bytes are valid
 * for as long as {@link TurnMemory} says.
 * False stops the framer: nothing behind this packet is read.
 */
export type FrameHandler = (buffer: Buffer, start: number, bodyStart: number, end: number) => boolean;

/**
 * A PUBLISH above the maximum came, and its bytes passed: its first byte, the beginning of what stands behind its fixed
 * header, and its size in bytes. False as with {@link FrameHandler}.
 */
export type OversizedHandler = (firstByte: number, head: Buffer, size: number) => boolean;

/** PUBLISH in the upper four bits of the first byte (2.1.2). */
const PUBLISH = 3;

/** A packet that spans chunks starts with this much memory and grows as its bytes really arrive. */
const FIRST_ALLOCATION = 65_536;

const NOTHING = Buffer.alloc(0);

/** Cuts whole control packets out of a byte stream, whatever way the network split or merged it. */
export class Framer {
  readonly #maximumPacketSize: number;
  readonly #handle: FrameHandler;
  readonly #oversized: OversizedHandler | undefined;
  readonly #memory: TurnMemory;
  #stopped = false;
  #paused = false;
  /** What is left of a chunk, and what came behind it, while paused: memory of its own. */
  #rest: Buffer[] = [];

  /** The beginning of a packet whose end has not arrived: `#partial[0, #held)` of `#total` bytes (0: not known yet). */
  #partial: Buffer = NOTHING;
  #held = 0;
  #total = 0;

  /** The packet that is let pass, if there is one. */
  #passing: OversizedPacket | undefined;

  #bodyStart = 0;
  #end = 0;

  /**
   * @param memory in which packets are handed on.
   * @param maximumPacketSize in bytes, the fixed header included, as the property Maximum Packet Size counts it.
   * @param oversized lets a PUBLISH above the maximum pass without keeping it; without it, that is a violation too.
   */
  constructor(memory: TurnMemory, maximumPacketSize: number, handle: FrameHandler, oversized?: OversizedHandler) {
    this.#memory = memory;
    this.#maximumPacketSize = maximumPacketSize;
    this.#handle = handle;
    this.#oversized = oversized;
  }

  /**
   * @param chunk valid during the call alone.
   * @throws {ProtocolViolation} for an over-long or non-minimal Remaining Length, and for a packet above the maximum.
   */
  push(chunk: Buffer): void {
    if (this.#paused) this.#rest.push(Buffer.from(chunk));
    else this.#cut(chunk, 'borrowed');
  }

  /** Nothing behind the packet that is being handled is handed on until {@link resume}; the bytes wait. */
  pause(): void {
    this.#paused = true;
  }

  /**
   * Hands on what waits, until it is paused again.
   * @throws {ProtocolViolation} as {@link push} does.
   */
  resume(): void {
    const rest = this.#rest;
    this.#paused = false;
    this.#rest = [];
    for (const chunk of rest) {
      if (this.#paused) this.#rest.push(chunk);
      else this.#cut(chunk, 'own');
    }
  }

  get paused(): boolean {
    return this.#paused;
  }

  stop(): void {
    this.#stopped = true;
    this.#rest = [];
  }

  /** @param memory `lent`: packets may be handed on out of the chunk; `own`: and it may be kept; `borrowed`: neither. */
  #cut(chunk: Buffer, memory: 'borrowed' | 'lent' | 'own'): void {
    if (this.#stopped) return;
    let offset = this.#held > 0 ? this.#complete(chunk) : 0;
    while (!this.#stopped && offset < chunk.length) {
      if (this.#paused) return this.#keepRest(chunk.subarray(offset), memory);
      if (this.#passing !== undefined) {
        offset = this.#pass(this.#passing, chunk, offset);
        continue;
      }
      if (!this.#readHeader(chunk, offset, chunk.length)) return this.#keep(chunk, offset, 0);
      if (this.#isOversized(chunk[offset] ?? 0, this.#end - offset)) {
        offset = this.#bodyStart;
        continue;
      }
      if (this.#end > chunk.length) return this.#keep(chunk, offset, this.#end - offset);
      if (memory === 'borrowed') return this.#cut(this.#memory.copy(chunk.subarray(offset)), 'lent');
      this.#emit(chunk, offset);
      offset = this.#end;
    }
  }

  #keepRest(rest: Buffer, memory: 'borrowed' | 'lent' | 'own'): void {
    this.#rest.push(memory === 'own' ? rest : Buffer.from(rest));
  }

  #emit(buffer: Buffer, start: number): void {
    const end = this.#end;
    if (!this.#handle(buffer, start, this.#bodyStart, end)) this.#stopped = true;
    this.#end = end;
  }

  /** Adds what `chunk` has of the held packet, and hands it on when it is whole. Returns how much of `chunk` it took. */
  #complete(chunk: Buffer): number {
    let taken = 0;
    while (this.#total === 0 && taken < chunk.length) {
      this.#append(chunk, taken, taken + 1);
      taken += 1;
      if (!this.#readHeader(this.#partial, 0, this.#held)) continue;
      if (this.#isOversized(this.#partial[0] ?? 0, this.#end)) {
        this.#forget();
        return taken;
      }
      this.#total = this.#end;
    }
    if (this.#total === 0) return taken;
    const until = Math.min(chunk.length, taken + this.#total - this.#held);
    this.#append(chunk, taken, until);
    if (this.#held === this.#total) this.#release();
    return until;
  }

  #release(): void {
    const packet = this.#partial.subarray(0, this.#total);
    this.#memory.lend(this.#partial);
    this.#partial = NOTHING;
    this.#forget();
    this.#readHeader(packet, 0, packet.length);
    this.#emit(packet, 0);
  }

  #forget(): void {
    if (this.#partial !== NOTHING) this.#memory.giveBack(this.#partial);
    this.#partial = NOTHING;
    this.#held = 0;
    this.#total = 0;
  }

  #keep(chunk: Buffer, start: number, total: number): void {
    this.#total = total;
    this.#append(chunk, start, chunk.length);
  }

  #append(chunk: Buffer, start: number, end: number): void {
    const needed = this.#held + end - start;
    if (needed > this.#partial.length) this.#grow(needed);
    chunk.copy(this.#partial, this.#held, start, end);
    this.#held = needed;
  }

  /** Grows with what arrived, not with what was announced: a Remaining Length alone must not cost memory. */
  #grow(needed: number): void {
    const enough = Math.max(needed, this.#partial.length * 2, FIRST_ALLOCATION);
    const grown = this.#memory.take(this.#total === 0 ? needed : Math.max(needed, Math.min(this.#total, enough)));
    this.#partial.copy(grown, 0, 0, this.#held);
    if (this.#partial !== NOTHING) this.#memory.giveBack(this.#partial);
    this.#partial = grown;
  }

  /** Reads the fixed header at `start` into `#bodyStart` and `#end`; false if it is not complete before `limit`. */
  #readHeader(buffer: Buffer, start: number, limit: number): boolean {
    let length = 0;
    let shift = 0;
    for (let at = start + 1; at < limit; at++) {
      const byte = buffer[at] ?? 0;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        // [MQTT-1.5.5-1] the encoded value MUST use the minimum number of bytes.
        if (byte === 0 && shift > 0) throw malformed('Remaining Length is not minimal');
        this.#bodyStart = at + 1;
        this.#end = at + 1 + length;
        return true;
      }
      shift += 7;
      if (shift > 21) throw malformed('Remaining Length has more than four bytes');
    }
    return false;
  }

  /**
   * Whether the packet whose header was read is let pass.
   * @throws {ProtocolViolation} 0x95 if it is above the maximum and may not.
   */
  #isOversized(firstByte: number, size: number): boolean {
    if (size <= this.#maximumPacketSize) return false;
    if (this.#oversized === undefined || firstByte >> 4 !== PUBLISH) throw tooLarge(size, this.#maximumPacketSize);
    const remainingLength = this.#end - this.#bodyStart;
    this.#passing = new OversizedPacket(firstByte, size, remainingLength);
    return true;
  }

  #pass(packet: OversizedPacket, chunk: Buffer, start: number): number {
    const end = packet.take(chunk, start);
    if (!packet.complete) return end;
    this.#passing = undefined;
    if (this.#oversized?.(packet.firstByte, packet.head, packet.size) === false) this.#stopped = true;
    return end;
  }
}

function tooLarge(size: number, limit: number): ProtocolViolation {
  return new ProtocolViolation(
    'packet-too-large',
    ReasonCode.PacketTooLarge,
    `broker announced a packet of ${size} bytes, at most ${limit} are accepted`,
  );
}
