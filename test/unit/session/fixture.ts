import assert from 'node:assert/strict';
import type { AckCommand, AckPacket, Message, PacketId, PublishPacket, QoS } from '../../../src/protocol/packet.ts';
import type { TopicName } from '../../../src/protocol/topic.ts';
import type { NextPacket } from '../../../src/session/outgoing-message.ts';
import type { Handout, Receiver } from '../../../src/router/router.ts';
import type { MqttError } from '../../../src/protocol/errors.ts';
import { type Certainty, Session, type SessionLimits, type SessionOptions } from '../../../src/session/session.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';

export const id = (value: number): PacketId => value as PacketId;

export const LIMITS: SessionLimits = {
  mqtt5: true,
  receiveMaximum: 65_535,
  maximumInflight: 65_471,
  maximumQoS: 2,
  retainAvailable: true,
  ownReceiveMaximum: 65_535,
};

export const IDENTITY = { server: 'mqtt://broker:1883', clientId: 'me' };

export function message(topic: string, qos: QoS, payload = ''): Message {
  return { topic: topic as TopicName, payload: Buffer.from(payload), qos, retain: false };
}

export function ack(cmd: AckCommand, packetId: number, reasonCode = 0): AckPacket {
  return { cmd, packetId: id(packetId), reasonCode };
}

export function received(topic: string, qos: QoS, packetId?: number, dup = false): PublishPacket {
  return {
    cmd: 'publish',
    topic,
    payload: Buffer.alloc(0),
    qos,
    retain: false,
    dup,
    packetId: packetId === undefined ? undefined : id(packetId),
    properties: undefined,
  };
}

/** What became of a message: its Reason Code, or its error. */
export type Outcome = number | Error;

/** A session driven by hand: every packet that goes out is told as one line of text. */
export class Driver {
  readonly store: MemoryStore;
  readonly session: Session;
  /** Topics in the order of their delivery. */
  readonly delivered: string[] = [];
  /** Everything that the session sent, in order. */
  readonly sent: string[] = [];
  /** Outcomes by topic; a message that is settled twice has two. */
  readonly outcomes = new Map<string, Outcome[]>();

  /** What a person was told. */
  readonly notices: MqttError[] = [];
  /** Why messages of an earlier client will never be delivered. */
  readonly restored: Error[] = [];
  /** Milliseconds of `Clock.now`. */
  now = 0;
  /** Whoever is there to take messages; undefined: nobody wants any. */
  receiver: Receiver | undefined = { receive: () => undefined };

  constructor(store = new MemoryStore(), identity = IDENTITY, more: Partial<SessionOptions> = {}) {
    this.store = store;
    this.session = new Session({
      store,
      identity,
      receivers: {
        deliver: (packet, handout) => this.deliver(packet, handout),
        wants: () => true,
        successor: () => undefined,
        give: (receiver, packet, filter) => receiver.receive(packet, filter),
      },
      random: () => 0,
      report: (notice) => this.notices.push(notice),
      restored: (error, tell) => {
        this.restored.push(error);
        tell();
      },
      failing: (tell) => tell(),
      failed: () => undefined,
      ...more,
    });
  }

  deliver(packet: PublishPacket, handout: Handout | undefined): boolean {
    if (this.receiver === undefined) return false;
    this.delivered.push(packet.topic);
    handout?.had(this.receiver);
    return true;
  }

  /** A settler that notes what it is told under `name`. */
  noting(name: string): (error: Error | undefined, reasonCode: number) => void {
    return (error, reasonCode) => {
      this.outcomes.set(name, [...(this.outcomes.get(name) ?? []), error ?? reasonCode]);
    };
  }

  accept(topic: string, qos: QoS, expiresAt?: number, payload = ''): void {
    this.session.outgoing.accept(message(topic, qos, payload), this.now, expiresAt, this.noting(topic));
  }

  announce(topic: string, qos: QoS): void {
    this.session.outgoing.announce(message(topic, qos), this.noting(topic));
  }

  /** A new connection, with the session or without. */
  resume(limits = LIMITS, certainty: Certainty = 'ours'): void {
    this.session.resume(limits, this.now, certainty);
  }

  reset(limits = LIMITS): void {
    this.session.reset(limits, this.now);
  }

  /** Sends everything that may be sent now, a Server that is asked for a proof gives it; answers it as lines. */
  pump(now = this.now): string[] {
    const lines = this.#pumpOnce(now);
    const { outgoing } = this.session;
    if (!outgoing.wantsProof || !this.proves) return lines;
    outgoing.proofAsked();
    outgoing.proved(true);
    return [...lines, ...this.#pumpOnce(now)];
  }

  /** Whether the Server answers a PINGREQ at once. */
  proves = true;

  #pumpOnce(now: number): string[] {
    const lines: string[] = [];
    const { outgoing } = this.session;
    for (let next = this.session.next(now); next !== undefined; next = this.session.next(now)) {
      lines.push(line(next));
      const done = next.cmd === 'publish' && next.packetId === undefined ? [next.entry] : [];
      outgoing.left(outgoing.published, done, now);
    }
    this.sent.push(...lines);
    return lines;
  }

  /** Gives the session a packet; answers the replies as lines. */
  receive(packet: PublishPacket | AckPacket): string[] {
    this.session.receive(packet, this.now);
    return this.replies();
  }

  /** A turn passes; answers the acknowledgements that may leave then as lines. */
  replies(): string[] {
    this.session.incoming.handedOver(this.session.incoming.handed, this.now);
    const replies: string[] = [];
    for (let next = this.#nextReply(); next !== undefined; next = this.#nextReply()) replies.push(line(next));
    this.sent.push(...replies);
    return replies;
  }

  #nextReply(): NextPacket | undefined {
    return this.session.nextFarewell(this.now);
  }

  /** The connection ends, by the Server if it said something. */
  lose(error: MqttError, lastWords?: MqttError, answered = true): void {
    const hungUp = lastWords === undefined ? undefined : { lastWords, answered };
    this.session.suspend({ error, hungUp, unsent: [], now: this.now });
  }

  /** The one outcome of a message; fails if there is none, or more than one. */
  outcome(topic: string): Outcome {
    const all = this.outcomes.get(topic) ?? [];
    assert.equal(all.length, 1, `${topic} was settled ${all.length} times`);
    return all[0] ?? assert.fail();
  }

  /** What the store holds: a step for each message, then the received ids. */
  stored(): { readonly outgoing: string[]; readonly received: readonly PacketId[] } {
    const { outgoing, received: ids } = this.store.load();
    const lines = outgoing.map(({ message: { topic }, state }) =>
      state.step === 'queued' ? `${topic} queued` : `${topic} ${state.step} ${state.packetId}`,
    );
    return { outgoing: lines, received: ids.map(({ packetId }) => packetId) };
  }
}

function line(next: NextPacket): string {
  if (next.cmd !== 'publish') {
    const code = next.reasonCode === 0 ? '' : ` 0x${next.reasonCode.toString(16)}`;
    return `${next.cmd} ${next.packetId}${code}`;
  }
  const { topic } = next.entry.message;
  const packetId = next.packetId === undefined ? '' : ` ${next.packetId}`;
  return `publish ${topic}${packetId}${next.dup ? ' dup' : ''}`;
}
