import type { ProtocolVersion, QoS } from '../../src/index.ts';
import type { Copy, CopyState } from './copy.ts';
import type { Inbound } from './inbound.ts';
import type { Judge } from './judge.ts';
import type { Link, LinkEnd } from './link.ts';
import type { Outbound } from './outbound.ts';
import type { Sent } from './sent.ts';
import {
  type Ack,
  type ClientPacket,
  type Connect,
  type Publish,
  ServerPackets,
  type Subscribe,
  type Unsubscribe,
  type WantedFilter,
} from './server-codec.ts';
import { matches } from './topics.ts';
import { IO, type VirtualTime } from './virtual-time.ts';

/** Milliseconds of which a Server that is killed knows nothing any more. */
const SAVED_EVERY = 3000;

/** How often a message is sent again on one connection. */
const MOST_REPETITIONS = 3;

/** What kind of broker it is. */
export interface ServerKind {
  /** A copy for each subscription that matches, or one for all. */
  readonly copies: 'each' | 'one';
  /** Offers Subscription Identifiers; MQTT 5. */
  readonly identifiers: boolean;
  /** When a QoS 2 message goes to its subscribers (4.3.3, methods A and B). */
  readonly deliversOn: 'publish' | 'pubrel';
  /** Answers QoS 2 with PUBACK on 3.1.1, as RabbitMQ does. */
  readonly answersPuback: boolean;
  /** Open QoS 2 messages beyond which it hangs up on 3.1.1, as mosquitto does. */
  readonly hangsUpBeyond: number;
  /** 65,535: none; MQTT 5. */
  readonly receiveMaximum: number;
  /** Unacknowledged messages to a client. */
  readonly window: number;
  readonly packetIds: 'lowest' | 'next';
  readonly queuesQos0: boolean;
  /** Goes on with No Local and Retain As Published of the SUBSCRIBE that made a subscription, as mosquitto does up to 2.0. */
  readonly keepsOptions?: boolean;
  /** Sends what it retains for filters without wildcards alone, and grants no QoS 2, as RabbitMQ does. */
  readonly retainsByTopic?: boolean;
  /** Milliseconds until an acknowledgement leaves. */
  readonly think: number;
  /** Milliseconds behind which it sends again, on the same connection, what is not acknowledged, as NATS does. */
  readonly repeats?: number;
}

interface Subscribed extends WantedFilter {
  readonly identifier: number;
  /** When the filter was subscribed first, in milliseconds. */
  readonly began: number;
}

interface Session {
  readonly clientId: string;
  readonly subscriptions: Map<string, Subscribed>;
  queue: Copy[];
  inflight: Copy[];
  /** Subscriptions that it had, and when they were given up. */
  readonly gone: Map<string, { readonly subscribed: Subscribed; readonly at: number }>;
  /** Received QoS 2 messages that are not released. */
  readonly received: Map<number, Publish>;
  lastId: number;
  /** What the client was given at QoS 1 and 2, in order: what a Server that is killed may have still. */
  readonly sent: Copy[];
  /** Seconds that it outlives its connection. */
  expiry: number;
  peer: Peer | undefined;
}

/** A message that another client published, or that a client's PUBLISH brought. */
export interface Publication {
  readonly label: string;
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** A broker for one client of interest, its other subscribers (who have what {@link Outbound.taken} says), and other publishers. */
export class Server {
  readonly kind: ServerKind;
  readonly time: VirtualTime;
  readonly judge: Judge;
  readonly outbound: Outbound;
  readonly inbound: Inbound;
  readonly #sessions = new Map<string, Session>();
  readonly #retained = new Map<string, Publication & { readonly since: number }>();
  #serial = 0;
  /** Connection attempts that it still refuses. */
  refusals = 0;
  /** Listens. */
  up = true;

  constructor(kind: ServerKind, time: VirtualTime, judge: Judge, outbound: Outbound, inbound: Inbound) {
    this.kind = kind;
    this.time = time;
    this.judge = judge;
    this.outbound = outbound;
    this.inbound = inbound;
  }

  accept(link: Link): LinkEnd {
    return new Peer(this, link);
  }

  /** Ends every connection; with its memory gone, every session too. `older`: without a word, and what is young is gone. */
  restart(forgets: boolean, older: boolean): void {
    for (const session of this.#sessions.values()) {
      if (older) session.peer?.die();
      else session.peer?.hangUp(0x8b);
      if (forgets) this.#discard(session);
      if (older) this.#forgetYoung(session);
    }
    if (forgets) this.#retained.clear();
    if (older) this.inbound.isOlder = true;
  }

  #forgetYoung(session: Session): void {
    const { subscriptions, gone } = session;
    const saved = this.time.now - SAVED_EVERY;
    for (const [filter, { began }] of subscriptions) if (began > saved) subscriptions.delete(filter);
    for (const [filter, { subscribed, at }] of gone) {
      if (at > saved && subscribed.began <= saved) subscriptions.set(filter, subscribed);
    }
    gone.clear();
    this.#bringBack(session, saved);
  }

  /** Copies are as they were then, and packet ids that were used since are free again. */
  #bringBack(session: Session, saved: number): void {
    const all = [...session.sent, ...session.queue];
    for (const copy of all) {
      const states = copy.history.filter(({ at }) => at <= saved);
      copy.history.splice(states.length);
      copy.state = states.at(-1)?.state ?? 'done';
      copy.given += 100;
      if (states.length === 0) copy.lost = true;
    }
    session.sent.splice(
      0,
      Infinity,
      ...all.filter(({ history }) => history.some(({ state }) => state === 'published')),
    );
    session.inflight = session.sent.filter(({ state }) => state !== 'done');
    session.queue = all.filter(({ state }) => state === 'queued');
    session.lastId = session.sent.at(-1)?.packetId ?? 0;
  }

  /** Ends the connection of a client, for a reason of its own. */
  disconnect(clientId: string, code: number): void {
    this.#sessions.get(clientId)?.peer?.hangUp(code);
  }

  /** A session that an earlier process of that client left behind. */
  leaveSession(clientId: string, filters: readonly string[], version: ProtocolVersion): void {
    const session = newSession(clientId, 0xffffffff);
    const mqtt5 = version === 5;
    const options = { qos: 2, noLocal: false, retainAsPublished: mqtt5, retainHandling: 0 } as const;
    for (const [index, filter] of filters.entries()) {
      const identifier = mqtt5 && this.kind.identifiers ? index + 1 : 0;
      session.subscriptions.set(filter, { filter, ...options, identifier, began: this.time.now });
    }
    this.#sessions.set(clientId, session);
  }

  hasSession(clientId: string): boolean {
    return this.#sessions.has(clientId);
  }

  /** What the client's session is subscribed to. */
  filtersOf(clientId: string): string[] {
    return [...(this.#sessions.get(clientId)?.subscriptions.keys() ?? [])];
  }

  /** Why the client's session is not at rest, or undefined. */
  unrest(clientId: string): string | undefined {
    const session = this.#sessions.get(clientId);
    if (session?.peer === undefined) return 'the client is not connected';
    const copy = session.inflight[0] ?? session.queue[0];
    return copy === undefined ? undefined : `the Server still has ${describe(copy)} for the client`;
  }

  /** Opens the session for a CONNECT; whether it was there before. */
  open({ clientId, clean, expiry }: Connect, peer: Peer): { session: Session; present: boolean } {
    const old = this.#sessions.get(clientId);
    old?.peer?.hangUp(0x8e);
    const kept = this.#sessions.get(clientId);
    if (kept !== undefined && clean) this.#discard(kept);
    const session = this.#sessions.get(clientId) ?? newSession(clientId, expiry);
    const present = this.#sessions.has(clientId);
    this.#sessions.set(clientId, session);
    session.expiry = expiry;
    session.peer = peer;
    return { session, present };
  }

  /** The connection of a session is gone. */
  leave(session: Session): void {
    session.peer = undefined;
    if (!this.kind.queuesQos0) session.queue = session.queue.filter(({ qos }) => qos > 0);
    if (session.expiry === 0) this.#discard(session);
  }

  /** Delivers to everybody: the application side has it from now on. */
  publish(publication: Publication, from: Session | undefined): void {
    this.outbound.taken(publication.label);
    const { topic, retain } = publication;
    if (retain) this.#retained.set(topic, { ...publication, since: this.time.moment });
    for (const session of this.#sessions.values()) {
      const wanted = [...session.subscriptions.values()].filter(
        ({ filter, noLocal }) => matches(filter, topic) && !(noLocal && session === from),
      );
      if (wanted.length === 0) continue;
      if (this.kind.copies === 'one') this.#enqueue(session, publication, wanted, false);
      else for (const subscribed of wanted) this.#enqueue(session, publication, [subscribed], false);
      session.peer?.pump();
    }
  }

  subscribe(session: Session, { filters, identifier }: Subscribe): void {
    for (const wanted of filters) {
      const before = session.subscriptions.get(wanted.filter);
      const isNew = before === undefined;
      const subscribed = { ...wanted, ...this.#optionsOf(before), identifier, began: before?.began ?? this.time.now };
      session.subscriptions.set(wanted.filter, subscribed);
      if (wanted.retainHandling === 2 || (wanted.retainHandling === 1 && !isNew)) continue;
      for (const publication of this.#retained.values()) {
        if (this.retainsFor(wanted.filter, publication.topic)) this.#enqueue(session, publication, [subscribed], true);
      }
    }
  }

  /** Whether a SUBSCRIBE for the filter brings what is retained at the topic. */
  retainsFor(filter: string, topic: string): boolean {
    return this.kind.retainsByTopic === true ? filter === topic : matches(filter, topic);
  }

  /** What it retains, and since when. */
  get retained(): Iterable<Publication & { readonly since: number }> {
    return this.#retained.values();
  }

  #optionsOf(before: Subscribed | undefined): Partial<Subscribed> {
    if (before === undefined || this.kind.keepsOptions !== true) return {};
    return { noLocal: before.noLocal, retainAsPublished: before.retainAsPublished };
  }

  #enqueue(session: Session, publication: Publication, wanted: readonly Subscribed[], stored: boolean): void {
    const qos = Math.min(publication.qos, Math.max(...wanted.map((one) => one.qos))) as QoS;
    if (qos === 0 && session.peer === undefined && !this.kind.queuesQos0) return;
    const { label, topic } = publication;
    const asPublished = wanted.some(({ retainAsPublished }) => retainAsPublished);
    const copy: Copy = {
      label,
      serial: ++this.#serial,
      session: session.clientId,
      routed: this.time.moment,
      topic,
      qos,
      retain: stored || (asPublished && publication.retain),
      stored,
      filters: wanted.map(({ filter }) => filter),
      left: [...session.gone.keys()].filter((filter) => !session.subscriptions.has(filter)),
      began: Math.min(...wanted.map(({ began }) => began)),
      brief: session.expiry === 0,
      identifiers: wanted.map(({ identifier }) => identifier).filter((identifier) => identifier > 0),
      packetId: 0,
      state: 'queued',
      history: [{ state: 'queued', at: this.time.now }],
      given: 0,
      ambiguous: false,
      gotMoment: undefined,
      handedMoment: undefined,
      handed: false,
      acknowledged: false,
      lost: false,
    };
    session.queue.push(copy);
    this.inbound.routed(copy);
  }

  #discard(session: Session): void {
    for (const copy of [...session.queue, ...session.inflight]) copy.lost = true;
    this.#sessions.delete(session.clientId);
    this.outbound.sessionLost();
  }
}

function newSession(clientId: string, expiry: number): Session {
  return {
    clientId,
    subscriptions: new Map(),
    gone: new Map(),
    queue: [],
    inflight: [],
    sent: [],
    received: new Map(),
    lastId: 0,
    expiry,
    peer: undefined,
  };
}

/** One connection, as the Server sees it. */
class Peer implements LinkEnd {
  readonly #server: Server;
  readonly #link: Link;
  #version: ProtocolVersion = 4;
  #packets = new ServerPackets(4);
  #session: Session | undefined;
  #window = 0;
  /** Ids of the client's messages that are not answered on this connection. */
  readonly #open = new Set<number>();
  #gone = false;

  constructor(server: Server, link: Link) {
    this.#server = server;
    this.#link = link;
  }

  packet(packet: ClientPacket): void {
    switch (packet.cmd) {
      case 'connect':
        return this.#connect(packet);
      case 'publish':
        return this.#publish(packet);
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        return this.#acknowledged(packet);
      case 'pubrel':
        return this.#release(packet);
      case 'subscribe':
        return this.#subscribe(packet);
      case 'unsubscribe':
        return this.#unsubscribe(packet);
      case 'pingreq':
        return this.#send(this.#packets.pingresp(), { cmd: 'pingresp' });
      case 'disconnect':
        this.#leave();
        this.#link.hangUp();
    }
  }

  closed(): void {
    this.#leave();
  }

  hangUp(code: number): void {
    this.#server.judge.note(() => `-- the Server hangs up (0x${code.toString(16)})`);
    if (this.#version === 5) this.#send(this.#packets.disconnect(code), { cmd: 'disconnect', code });
    this.#link.hangUp();
    this.#leave();
  }

  /** Its process ends. */
  die(): void {
    this.#link.hangUp();
    this.#leave();
  }

  /** Sends what waits, within the client's Receive Maximum and the Server's own window. */
  pump(): void {
    const session = this.#session;
    if (session === undefined || this.#gone) return;
    for (let copy = session.queue[0]; copy !== undefined; copy = session.queue[0]) {
      if (copy.qos > 0 && session.inflight.length >= this.#window) return;
      session.queue.shift();
      if (copy.qos > 0) {
        copy.packetId = this.#freeId(session);
        this.#enter(copy, 'published');
        session.inflight.push(copy);
        session.sent.push(copy);
      }
      this.#deliver(copy, false);
    }
  }

  #connect(connect: Connect): void {
    const { kind } = this.#server;
    this.#version = connect.version;
    this.#packets = new ServerPackets(connect.version);
    const { receiveMaximum, identifiers } = kind;
    if (this.#server.refusals > 0) {
      this.#server.refusals -= 1;
      const code = connect.version === 5 ? 0x88 : 3;
      const connack = { sessionPresent: false, code, receiveMaximum, identifiers };
      this.#send(this.#packets.connack(connack), { cmd: 'connack', sessionPresent: false, code });
      return this.#link.hangUp();
    }
    const { session, present } = this.#server.open(connect, this);
    this.#session = session;
    this.#window = Math.min(connect.receiveMaximum, kind.window);
    if (!present) this.#server.inbound.began();
    const connack = { sessionPresent: present, code: 0, receiveMaximum, identifiers };
    this.#send(this.#packets.connack(connack), { cmd: 'connack', sessionPresent: present, code: 0 });
    for (const copy of session.inflight) {
      if (copy.state === 'published') this.#deliver(copy, true);
      else this.#acknowledge({ cmd: 'pubrel', packetId: copy.packetId, code: 0 });
    }
    this.pump();
  }

  #publish(packet: Publish): void {
    const { kind, judge, outbound } = this.#server;
    const session = this.#session;
    if (session === undefined) return;
    const { qos, packetId, label } = packet;
    if (label.startsWith('x')) return this.hangUp(0x83);
    if (qos === 0) return this.#server.publish(packet, session);
    this.#open.add(packetId);
    if (this.#version === 5 && this.#open.size > kind.receiveMaximum) {
      return judge.violation(
        'Receive Maximum',
        `${this.#open.size} messages at once, ${kind.receiveMaximum} are allowed`,
      );
    }
    if (this.#version !== 5 && this.#open.size > kind.hangsUpBeyond) return this.hangUp(0x93);
    if (label.startsWith('r') && this.#version === 5) {
      return this.#answer({ cmd: qos === 1 ? 'puback' : 'pubrec', packetId, code: 0x87 });
    }
    if (qos === 1 || (kind.answersPuback && this.#version !== 5)) {
      if (qos === 2) outbound.downgraded(label);
      this.#server.publish(packet, session);
      return this.#answer({ cmd: 'puback', packetId, code: 0 });
    }
    const earlier = session.received.get(packetId);
    if (earlier !== undefined && earlier.label !== label) outbound.mistaken(label, earlier.label);
    if (earlier === undefined) {
      session.received.set(packetId, packet);
      if (kind.deliversOn === 'publish') this.#server.publish(packet, session);
    }
    this.#answer({ cmd: 'pubrec', packetId, code: 0 });
  }

  #release({ packetId }: Ack): void {
    const session = this.#session;
    const packet = session?.received.get(packetId);
    if (packet !== undefined) {
      session?.received.delete(packetId);
      if (this.#server.kind.deliversOn === 'pubrel') this.#server.publish(packet, session);
    }
    this.#answer({ cmd: 'pubcomp', packetId, code: packet === undefined && this.#version === 5 ? 0x92 : 0 });
  }

  #acknowledged({ cmd, packetId, code }: Ack): void {
    const session = this.#session;
    const copy = session?.inflight.find((one) => one.packetId === packetId);
    if (session === undefined || copy === undefined || !isAnsweredBy(copy, cmd)) return;
    if (cmd === 'pubrec' && code < 0x80) {
      this.#enter(copy, 'released');
      return this.#acknowledge({ cmd: 'pubrel', packetId, code: 0 });
    }
    this.#enter(copy, 'done');
    session.inflight.splice(session.inflight.indexOf(copy), 1);
    this.pump();
  }

  #enter(copy: Copy, state: CopyState): void {
    copy.state = state;
    copy.history.push({ state, at: this.#server.time.now });
  }

  #subscribe(packet: Subscribe): void {
    const session = this.#session;
    if (session === undefined) return;
    const { packetId } = packet;
    const most = this.#server.kind.retainsByTopic === true ? 1 : 2;
    const filters = packet.filters.map((wanted) => ({ ...wanted, qos: Math.min(wanted.qos, most) as QoS }));
    this.#send(
      this.#packets.suback(
        packetId,
        filters.map(({ qos }) => qos),
      ),
      { cmd: 'suback', packetId },
    );
    this.#server.subscribe(session, { ...packet, filters });
    this.pump();
  }

  #unsubscribe({ packetId, filters }: Unsubscribe): void {
    const session = this.#session;
    if (session === undefined) return;
    const codes = filters.map((filter) => {
      const subscribed = session.subscriptions.get(filter);
      if (subscribed !== undefined) session.gone.set(filter, { subscribed, at: this.#server.time.now });
      return session.subscriptions.delete(filter) ? 0 : 0x11;
    });
    this.#send(this.#packets.unsuback(packetId, codes), { cmd: 'unsuback', packetId });
  }

  #deliver(copy: Copy, dup: boolean, repetitions: number = MOST_REPETITIONS): void {
    const { packetId, identifiers } = copy;
    const packet: Publish = { cmd: 'publish', ...copy, dup };
    this.#send(this.#packets.publish(packet, identifiers), { cmd: 'publish', copy, packetId, dup });
    if (copy.qos > 0) this.#repeatLater(copy, repetitions);
  }

  #repeatLater(copy: Copy, times: number): void {
    const { repeats, packetIds } = this.#server.kind;
    if (repeats === undefined || times === 0) return;
    // The Server would take the second PUBACK for the next message's.
    if (copy.qos === 1 && packetIds === 'lowest') return;
    this.#server.time.at(repeats, IO, () => {
      if (this.#gone || copy.state !== 'published' || this.#session?.inflight.includes(copy) !== true) return;
      this.#deliver(copy, true, times - 1);
    });
  }

  /** Answers a message of the client, after a while of thinking, in order. */
  #answer(ack: Ack): void {
    const { kind, time } = this.#server;
    const answer = (): void => {
      if (ack.cmd !== 'pubrec' || ack.code >= 0x80) this.#open.delete(ack.packetId);
      this.#acknowledge(ack);
    };
    if (kind.think === 0) answer();
    else time.at(kind.think, IO, answer);
  }

  #acknowledge(ack: Ack): void {
    this.#send(this.#packets.ack(ack), ack);
  }

  #send(bytes: Buffer, sent: Sent): void {
    if (!this.#gone) this.#link.send(bytes, sent);
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#session?.peer === this) this.#server.leave(this.#session);
  }

  #freeId(session: Session): number {
    const used = new Set(session.inflight.map(({ packetId }) => packetId));
    let id = this.#server.kind.packetIds === 'lowest' ? 1 : session.lastId + 1;
    while (used.has(id)) id += 1;
    session.lastId = id;
    return id;
  }
}

/** A second answer may come when the id is another copy's. */
function isAnsweredBy({ qos, state }: Copy, cmd: Ack['cmd']): boolean {
  if (qos === 1) return cmd === 'puback';
  return cmd === 'pubrec' || (cmd === 'pubcomp' && state === 'released');
}

export function describe({ label, qos, topic, packetId, stored }: Copy): string {
  return `${label} (QoS ${qos}, ${topic}, id ${packetId}${stored ? ', retained' : ''})`;
}
