import { MqttError } from '../protocol/errors.ts';
import type { Message } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import type { BacklogRow } from '../store/backlog-rows.ts';
import { type Backlog, unreadable, type Waiter } from '../store/backlog.ts';
import { sizeOf } from '../store/message-size.ts';
import type { Failing, OutgoingState, Restored, SessionStore, Settle, StoredMessage } from '../store/session-store.ts';
import type { OutgoingMessage } from './outgoing-message.ts';
import { listenerFailed } from './undelivered.ts';

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

/** The same for all: a step is replaced, and never changed. */
const QUEUED: OutgoingState = { step: 'queued' };

/** The place of a message that waits on disk, and the message itself when it is in memory. */
export class PlaceOnDisk implements Waiter {
  readonly sequence: number;
  settle: Settle | undefined;
  entry: OutgoingMessage | undefined;

  constructor(sequence: number, settle: Settle) {
    this.sequence = sequence;
    this.settle = settle;
  }
}

/**
 * What was accepted and has no outcome yet: counted for the limits, on record in the store at QoS 1 and 2, and each told
 * its outcome once.
 */
export class AcceptedMessages {
  readonly #options: AcceptedOptions;
  readonly #store: SessionStore;
  #sequence = 0;
  /** The last one of an earlier client. */
  #earlierUpTo = 0;
  #count = 0;
  #bytes = 0;
  #left = false;

  constructor(options: AcceptedOptions) {
    const { store } = options;
    this.#options = options;
    this.#store = store;
    if (store.backlog === undefined) return;
    const { length, bytes, last } = store.backlog;
    this.#count = length;
    this.#bytes = bytes;
    this.#sequence = last;
    this.#earlierUpTo = last;
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
      state: QUEUED,
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

  /** A message is accepted that waits on disk alone. */
  acceptOnDisk(
    backlog: Backlog,
    message: Message,
    acceptedAt: number,
    expiresAt: number | undefined,
    settle: Settle,
  ): PlaceOnDisk {
    const sequence = ++this.#sequence;
    const place = new PlaceOnDisk(sequence, settle);
    backlog.put({ sequence, message, acceptedAt, expiresAt, state: { step: 'queued' } }, place);
    this.#count += 1;
    this.#bytes += sizeOf(message);
    return place;
  }

  /** A message that waited on disk is in memory; undefined: it could not be read, which its sender is told. */
  drawn({ sequence, size }: BacklogRow, message: StoredMessage | undefined): OutgoingMessage | undefined {
    const waiter = this.#store.backlog?.takeWaiter(sequence);
    if (message === undefined) return this.#lost(size, waiter?.settle);
    const entry = this.seen(message, waiter?.settle);
    if (waiter instanceof PlaceOnDisk) waiter.entry = entry;
    return entry;
  }

  /** A message that waits on disk, as it would be in memory. */
  seen(message: StoredMessage, settle?: Settle): OutgoingMessage {
    return onRecord({ ...message, settle }, settle === undefined, message.sequence <= this.#earlierUpTo);
  }

  async *seenAll(
    pages: AsyncIterable<readonly StoredMessage[]> | undefined,
  ): AsyncGenerator<readonly OutgoingMessage[]> {
    for await (const page of pages ?? []) yield page.map((message) => this.seen(message));
  }

  /** So much of what waits on disk does not count any more. */
  givenUp(count: number, bytes: number): void {
    this.#count -= count;
    this.#bytes -= bytes;
  }

  #lost(size: number, settle: Settle | undefined): undefined {
    this.givenUp(1, size);
    this.#failUnseen(unreadable(), settle);
    if (this.#count === 0 && !this.#left) this.#options.emptied?.();
  }

  /** A message that was given up, and counts no more, cannot be looked at: the store is closed. */
  endUnread(sequence: number): void {
    const settle = this.#store.backlog?.takeWaiter(sequence)?.settle;
    if (settle === undefined) return;
    const text = 'a message that waited on disk was given up, and nobody can say which: its store was closed';
    this.#failUnseen(new MqttError('dropped', text), settle);
  }

  #failUnseen(error: MqttError, settle: Settle | undefined): void {
    const tell = (): void => settle?.(error, 0);
    try {
      this.#options.failed(error);
      this.#options.failing(() => (settle === undefined ? this.#options.restored(error, tell) : tell()));
    } catch (thrown) {
      this.#listenerFailed(thrown);
    }
  }

  /** Takes up a message of an earlier client. */
  restore(stored: StoredMessage): OutgoingMessage {
    const entry = onRecord(stored, true, true);
    this.#sequence = Math.max(this.#sequence, entry.sequence);
    this.#earlierUpTo = this.#sequence;
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
      if (this.#count === 0 && !this.#left) this.#options.emptied?.();
    } catch (thrown) {
      this.#listenerFailed(thrown, entry.message.topic);
    }
  }

  /** Who gave it is told that it is done: it is on record, and goes on without him. */
  stored(accepted: OutgoingMessage | PlaceOnDisk): void {
    // Whoever has the store now has its own record of it, and tells.
    if (this.#left) return;
    const entry = accepted instanceof PlaceOnDisk ? accepted.entry : accepted;
    // A million that nobody waits for must not be remembered.
    const settle = entry === undefined ? this.#store.backlog?.takeWaiter(accepted.sequence)?.settle : takeSettle(entry);
    try {
      settle?.(undefined, ReasonCode.Success);
    } catch (thrown) {
      this.#listenerFailed(thrown, entry?.message.topic);
    }
  }

  /** What a listener throws is not the session's to suffer: it would end a connection in the middle of a packet. */
  #listenerFailed(thrown: unknown, topic?: string): void {
    this.#options.report(listenerFailed(thrown, topic));
  }

  #fail({ settle, restored }: OutgoingMessage, error: Error, reasonCode: number): void {
    const tell = (): void => settle?.(error, reasonCode);
    if (restored) this.#options.restored(error, tell);
    else tell();
  }

  /** The store is somebody else's now. */
  leave(): void {
    this.#left = true;
    // What is being given up is told all the same, and counts nowhere.
    this.#count = 0;
    this.#bytes = 0;
  }

  #add({ size, state }: OutgoingMessage): void {
    if (state.step === 'abandoned') return;
    this.#count += 1;
    this.#bytes += size;
  }
}

/** A message that is on record, as one on its way out. */
function onRecord(stored: StoredMessage, restored: boolean, isEarlier: boolean): OutgoingMessage {
  const size = sizeOf(stored.message);
  return { ...stored, recorded: true, restored, isEarlier, settled: false, size, connection: 0, hangUps: 0 };
}

/** Who waits for its outcome, and need not any more: it goes on without him. */
function takeSettle(entry: OutgoingMessage): Settle | undefined {
  const { settle, settled } = entry;
  if (settled || settle === undefined) return undefined;
  entry.settle = undefined;
  entry.restored = true;
  return settle;
}
