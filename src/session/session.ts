import { MqttError } from '../protocol/errors.ts';
import type { AckPacket, PublishPacket } from '../protocol/packet.ts';
import type {
  Failing,
  Restored,
  SessionIdentity,
  SessionStore,
  StoredMessage,
  StoredSession,
} from '../store/session-store.ts';
import type { Random } from '../util/clock.ts';
import type { Receivers } from './delivery.ts';
import { Incoming } from './incoming.ts';
import type { IdDoubt } from './repetition.ts';
import { type Answered, type Ending, Outgoing } from './outgoing.ts';
import type { SendLimits } from './send-window.ts';
import type { NextPacket } from './outgoing-message.ts';
import { PacketIds } from './packet-ids.ts';
import type { WhenFull } from './giving-way.ts';

/** What is allowed on a connection: by the Server to us, and by us to the Server. */
export interface SessionLimits extends SendLimits {
  /** Our own Receive Maximum (3.1.2.11.3); Infinity before MQTT 5, which has none. */
  readonly ownReceiveMaximum: number;
}

/**
 * Whose session a Server has that says it has one: `ours`; `earlier`: perhaps ours as it was some time ago, or that of an
 * earlier client's CONNECT, whose answer nobody saw; `unknown`: perhaps that of one of ours, which it did not answer.
 */
export type Certainty = 'ours' | 'earlier' | 'unknown';

/** What that makes of the packet ids of before. */
const DOUBTS: Readonly<Record<Certainty, IdDoubt | undefined>> = {
  ours: undefined,
  earlier: 'older',
  unknown: 'another',
};

export interface SessionOptions {
  readonly store: SessionStore;
  /** Whose session the store is to hold from now on. */
  readonly identity: SessionIdentity;
  readonly receivers: Receivers;
  readonly random: Random;
  readonly report: (notice: MqttError) => void;
  /** Told why a message that an earlier client accepted will never be delivered. */
  readonly restored: Restored;
  readonly failing: Failing;
  readonly failed: (error: Error) => void;
  readonly whenFull?: WhenFull | undefined;
  readonly qos0Waits?: boolean | undefined;
  /** Receivers are done with a message that can be acknowledged now. */
  readonly workDone?: (() => void) | undefined;
  /** Messages that waited on disk alone can be sent now. */
  readonly came?: (() => void) | undefined;
  readonly answered?: Answered | undefined;
  /** No accepted message is left. */
  readonly emptied?: (() => void) | undefined;
}

/**
 * The Session State of section 4.1. It knows no socket and no timer: packets go in by {@link receive}, all that leaves
 * comes out by {@link next}, and what has to happen at a moment is {@link deadline}.
 */
export class Session {
  readonly ids: PacketIds;
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  readonly #store: SessionStore;
  #identity: SessionIdentity;

  constructor(options: SessionOptions) {
    const { store, report } = options;
    this.#store = store;
    const stored = ownSession(store, options);
    this.#identity = { ...options.identity, unanswered: stored.identity?.unanswered === true };
    this.ids = new PacketIds(options.random);
    this.outgoing = new Outgoing({
      store,
      ids: this.ids,
      report,
      restored: options.restored,
      failing: options.failing,
      failed: options.failed,
      whenFull: options.whenFull,
      qos0Waits: options.qos0Waits,
      emptied: options.emptied,
      came: options.came,
      answered: options.answered,
    });
    this.incoming = new Incoming({
      store,
      received: stored.received,
      receivers: options.receivers,
      report,
      workDone: options.workDone ?? ignore,
    });
    this.outgoing.restore(stored.outgoing);
  }

  /**
   * A new connection resumes the session (Session Present 1).
   */
  resume(limits: SessionLimits, now: number, certainty: Certainty = 'ours'): void {
    this.incoming.begin(limits.ownReceiveMaximum, now, DOUBTS[certainty]);
    this.outgoing.resume(limits, now, certainty !== 'unknown');
  }

  /** A new connection, and the Server has no session. */
  reset(limits: SessionLimits, now: number): void {
    this.incoming.begin(limits.ownReceiveMaximum, now);
    this.incoming.reset();
    this.outgoing.reset(limits, now);
  }

  /** The connection is gone. */
  suspend(ending: Ending): void {
    this.incoming.suspend();
    this.outgoing.suspend(ending);
  }

  /**
   * The store is the next client's now: nothing is sent, settled or handed out any more.
   * @param isOver whether the Server's session ends with this client.
   */
  leave(now: number, isOver: boolean = false): void {
    try {
      this.incoming.leave(now, isOver);
    } finally {
      this.outgoing.leave();
    }
  }

  /** Whether a CONNECT may have reached the Server whose CONNACK nobody saw, this client's or an earlier one's. */
  get unanswered(): boolean {
    return this.#identity.unanswered === true;
  }

  set unanswered(unanswered: boolean) {
    if (unanswered === this.unanswered) return;
    this.#identity = { ...this.#identity, unanswered };
    this.#store.saveIdentity(this.#identity);
  }

  /** Whether nothing is left to be sent or acknowledged on this connection. */
  get idle(): boolean {
    return this.incoming.idle && this.outgoing.idle;
  }

  /** Whether nothing more should be read: it would have to be kept, or lost. */
  get full(): boolean {
    return this.incoming.isFull(this.outgoing.awaitsAnswers) || this.outgoing.full;
  }

  /** When {@link expire} has something to do; undefined: never. */
  get deadline(): number | undefined {
    return this.incoming.deadline;
  }

  expire(now: number): void {
    this.incoming.expire(now);
  }

  /** @throws {ProtocolViolation} for an acknowledgement that does not fit what was sent. */
  receive(packet: PublishPacket | AckPacket, now: number): void {
    switch (packet.cmd) {
      case 'publish':
        return this.incoming.receivePublish(packet, now);
      case 'puback':
        return this.outgoing.receivePuback(packet, now);
      case 'pubrec':
        return this.outgoing.receivePubrec(packet, now);
      case 'pubrel':
        return this.incoming.receivePubrel(packet);
      case 'pubcomp':
        return this.outgoing.receivePubcomp(packet, now);
    }
  }

  /** The next packet in order, if one may be sent now. */
  next(now: number): NextPacket | undefined {
    return this.incoming.next() ?? this.outgoing.next(now);
  }

  /** The same, when the end of the connection has been announced. */
  nextFarewell(now: number): NextPacket | undefined {
    return this.incoming.next() ?? this.outgoing.nextFarewell(now);
  }
}

/**
 * What the store holds, if it is this session's. Another session's ids and subscriptions mean nothing here: a new
 * message under an id that was received elsewhere would be taken for a repetition. Nor is what was wanted there wanted
 * here. The messages that wait move.
 */
function ownSession(store: SessionStore, { identity, report }: SessionOptions): StoredSession {
  const stored = store.load();
  const { identity: earlier } = stored;
  if (earlier !== undefined && isSame(earlier, identity)) return stored;
  store.saveIdentity(identity);
  if (earlier === undefined) return stored;
  for (const { packetId } of stored.received) store.removeReceived(packetId);
  for (const { filter } of stored.subscriptions) store.removeSubscription(filter);
  for (const { ref, filter } of stored.wishes) store.removeWish(ref, filter);
  const outgoing = stored.outgoing.flatMap((message) => moved(message, store));
  const count = outgoing.length + (store.backlog?.length ?? 0);
  if (count > 0 && earlier.server !== identity.server) report(movedTo(identity.server, count));
  return { identity, outgoing, received: [], subscriptions: [], wishes: [] };
}

function ignore(): void {
  // Nobody works on a message beyond its turn.
}

function isSame(one: SessionIdentity, other: SessionIdentity): boolean {
  return one.server === other.server && one.clientId === other.clientId;
}

function moved(message: StoredMessage, store: SessionStore): StoredMessage[] {
  if (message.state.step === 'abandoned') {
    store.remove(message.sequence);
    return [];
  }
  const queued = { ...message, state: { step: 'queued' } } as const;
  store.advance(queued);
  return [queued];
}

function movedTo(server: string, count: number): MqttError {
  const which = count === 1 ? '1 message that waited is' : `${count} messages that waited are`;
  return new MqttError('session-moved', `the connection was changed: ${which} sent to ${server} now`);
}
