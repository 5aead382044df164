import assert from 'node:assert/strict';
import type { AckCommand, AckPacket, Message, PacketId, PublishPacket, QoS } from '../../../src/protocol/packet.ts';
import type { TopicName } from '../../../src/protocol/topic.ts';
import type { NextPacket } from '../../../src/session/outgoing.ts';
import { Session, type SessionLimits } from '../../../src/session/session.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';

export const id = (value: number): PacketId => value as PacketId;

export const LIMITS: SessionLimits = { sendQuota: 65_535, receiveMaximum: 65_535 };

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

  constructor(store = new MemoryStore()) {
    this.store = store;
    const note = this.noting('restored');
    this.session = new Session(store, (packet) => this.delivered.push(packet.topic) > 0, note);
  }

  /** A settler that notes what it is told under `name`. */
  noting(name: string): (error: Error | undefined, reasonCode: number) => void {
    return (error, reasonCode) => {
      this.outcomes.set(name, [...(this.outcomes.get(name) ?? []), error ?? reasonCode]);
    };
  }

  accept(topic: string, qos: QoS, expiresAt?: number, payload = ''): void {
    this.session.accept(message(topic, qos, payload), expiresAt, this.noting(topic));
  }

  announce(topic: string, qos: QoS): void {
    this.session.announce(message(topic, qos), this.noting(topic));
  }

  /** Sends everything that may be sent now; answers it as lines. */
  pump(now = 0): string[] {
    const lines: string[] = [];
    for (let next = this.session.next(now); next !== undefined; next = this.session.next(now)) {
      lines.push(line(next));
      if (next.cmd === 'publish' && next.packetId === undefined) this.session.sent(next.entry);
    }
    this.sent.push(...lines);
    return lines;
  }

  /** Gives the session a packet; answers the replies as lines. */
  receive(packet: PublishPacket | AckPacket): string[] {
    const replies: string[] = [];
    this.session.receive(packet, (cmd, packetId, reasonCode) => {
      replies.push(reasonCode === 0 ? `${cmd} ${packetId}` : `${cmd} ${packetId} 0x${reasonCode.toString(16)}`);
    });
    this.sent.push(...replies);
    return replies;
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
    return { outgoing: lines, received: ids };
  }
}

function line(next: NextPacket): string {
  if (next.cmd === 'pubrel') return `pubrel ${next.packetId}`;
  const { topic } = next.entry.message;
  const packetId = next.packetId === undefined ? '' : ` ${next.packetId}`;
  return `publish ${topic}${packetId}${next.dup ? ' dup' : ''}`;
}
