import type { Side } from '../support/fault-link.ts';
import { type Frame, PacketFrames } from './packet-frames.ts';
import { PACKET_TYPES, type ProtocolStep, type Spot } from './steps.ts';

interface Armed {
  readonly step: ProtocolStep;
  readonly spot: Spot;
}

/** Cuts at steps of the protocol that wait for the next packet of their kind, over all connections of a client. */
export class StepCuts {
  readonly #armed: Armed[] = [];
  #done = 0;

  /** How many have cut. */
  get done(): number {
    return this.#done;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#armed.length;
  }

  arm(step: ProtocolStep, spot: Spot): void {
    this.#armed.push({ step, spot });
  }

  disarm(): void {
    this.#armed.length = 0;
  }

  /** What a frame has armed for it, taken. */
  take(type: number, towards: Side): Spot | undefined {
    const index = this.#armed.findIndex(({ step }) => step.towards === towards && PACKET_TYPES[step.packet] === type);
    const [taken] = index < 0 ? [] : this.#armed.splice(index, 1);
    if (taken !== undefined) this.#done += 1;
    return taken?.spot;
  }
}

/** One direction of one connection. */
export class StepCutter {
  readonly #cuts: StepCuts;
  readonly #towards: Side;
  readonly #frames = new PacketFrames();
  /** Offset in the stream; none: nothing is to be cut yet. */
  #limit: number | undefined;

  constructor(cuts: StepCuts, towards: Side) {
    this.#cuts = cuts;
    this.#towards = towards;
  }

  /** How many of these bytes may pass; undefined: all, and the connection stays. */
  cutWithin(bytes: Buffer): number | undefined {
    const base = this.#frames.offset;
    for (const frame of this.#frames.take(bytes)) this.#limit ??= this.#limitAt(frame);
    if (this.#limit === undefined || this.#limit > base + bytes.length) return undefined;
    // The head of a packet that came byte by byte has passed before its length was known.
    return Math.max(0, this.#limit - base);
  }

  #limitAt({ type, start, end }: Frame): number | undefined {
    switch (this.#cuts.take(type, this.#towards)) {
      case 'before':
        return start;
      case 'within':
        return start + Math.max(1, Math.floor((end - start) / 2));
      case 'behind':
        return end;
      case undefined:
        return undefined;
    }
  }
}
