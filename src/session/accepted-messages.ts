import { MqttError, textOf } from '../protocol/errors.ts';
import type { Message } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import type { Failing, OutgoingState, Restored, SessionStore, Settle, StoredMessage } from '../store/session-store.ts';
import { type OutgoingMessage, sizeOf } from './outgoing-message.ts';

export interface AcceptedOptions {
  readonly store: SessionStore;
  readonly report: (notice: MqttError) => void;
  readonly restored: Restored;
  readonly failing: Failing;
  /** Told, before anybody else is, why a message will never be delivered. */
  readonly failed: (error: Error) => void;
  /** No accepted message is left. */
  readonly emptied?: (() => void) | undefined;
}

/**
 * What was accepted and has no outcome yet: counted for the limits, on record in the store at QoS 1 and 2, and each told
 * its outcome once.
 */
export class AcceptedMessages {
  readonly #options: AcceptedOptions;
  readonly #store: SessionStore;
  #sequence = 0;
  #count = 0;
  #bytes = 0;
  #left = false;

  constructor(options: AcceptedOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  get count(): number {
    return this.#count;
  }

  /** What they count for, as {@link sizeOf} counts it. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A message is accepted; where it has to be `recorded`, not before it is in the store. */
  accept(
    message: Message,
    acceptedAt: number,
    expiresAt: number | undefined,
    settle: Settle,
    recorded: boolean,
  ): OutgoingMessage {
    const entry: OutgoingMessage = {
      sequence: ++this.#sequence,
      message,
      acceptedAt,
      expiresAt,
      state: { step: 'queued' },
      settle,
      recorded,
      restored: false,
      isEarlier: false,
      settled: false,
      size: sizeOf(message),
      connection: 0,
      hangUps: 0,
    };
    if (recorded) this.#store.put(entry);
    this.#add(entry);
    return entry;
  }

  /** Takes up a message of an earlier client. */
  restore(stored: StoredMessage): OutgoingMessage {
    const size = sizeOf(stored.message);
    const entry: OutgoingMessage = {
      ...stored,
      recorded: true,
      restored: true,
      isEarlier: true,
      settled: false,
      size,
      connection: 0,
      hangUps: 0,
    };
    this.#sequence = Math.max(this.#sequence, entry.sequence);
    this.#add(entry);
    return entry;
  }

  /** The next step of a message: it is on record before the packet leaves, or not taken at all. */
  advance(entry: OutgoingMessage, state: OutgoingState): void {
    const before = entry.state;
    entry.state = state;
    try {
      this.#store.advance(entry);
    } catch (error) {
      entry.state = before;
      throw error;
    }
  }

  /** A message that had no record gets one. */
  put(entry: OutgoingMessage): void {
    entry.recorded = true;
    this.#store.put(entry);
  }

  /** Its record goes; whoever waited for it was told. */
  forget({ sequence }: OutgoingMessage): void {
    this.#store.remove(sequence);
  }

  /** Whatever becomes of the record, who waits for the outcome is told it. */
  end(entry: OutgoingMessage, error: Error | undefined, reasonCode: number): void {
    try {
      if (entry.recorded) this.#store.remove(entry.sequence);
    } finally {
      this.settle(entry, error, reasonCode);
    }
  }

  /** Once. */
  settle(entry: OutgoingMessage, error: Error | undefined, reasonCode: number): void {
    if (entry.settled) return;
    entry.settled = true;
    this.#count -= 1;
    this.#bytes -= entry.size;
    try {
      if (error === undefined) entry.settle?.(undefined, reasonCode);
      else {
        this.#options.failed(error);
        this.#options.failing(() => this.#fail(entry, error, reasonCode));
      }
      if (this.#count === 0) this.#options.emptied?.();
    } catch (thrown) {
      this.#listenerFailed(entry, thrown);
    }
  }

  /** Who gave it is told that it is done: it is on record, and goes on without him. */
  stored(entry: OutgoingMessage): void {
    const { settle, settled } = entry;
    // Whoever has the store now has its own record of it, and tells.
    if (settled || settle === undefined || this.#left) return;
    entry.settle = undefined;
    entry.restored = true;
    try {
      settle(undefined, ReasonCode.Success);
    } catch (thrown) {
      this.#listenerFailed(entry, thrown);
    }
  }

  /** What a listener throws is not the session's to suffer: it would end a connection in the middle of a packet. */
  #listenerFailed({ message: { topic } }: OutgoingMessage, thrown: unknown): void {
    const text = `whoever was told the outcome of the message to ${topic} failed: ${textOf(thrown)}`;
    this.#options.report(new MqttError('invalid-message', text, { cause: thrown }));
  }

  #fail({ settle, restored }: OutgoingMessage, error: Error, reasonCode: number): void {
    const tell = (): void => settle?.(error, reasonCode);
    if (restored) this.#options.restored(error, tell);
    else tell();
  }

  /** The store is somebody else's now. */
  leave(): void {
    this.#left = true;
    this.#count = 0;
    this.#bytes = 0;
  }

  #add({ size, state }: OutgoingMessage): void {
    if (state.step === 'abandoned') return;
    this.#count += 1;
    this.#bytes += size;
  }
}
