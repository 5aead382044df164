import type { Copy } from './copy.ts';
import type { Inbound } from './inbound.ts';
import type { Judge } from './judge.ts';
import type { LinkWatch } from './link.ts';
import type { Outbound } from './outbound.ts';
import type { Sent } from './sent.ts';
import { describe } from './server.ts';
import type { Ack, ClientPacket, Publish } from './server-codec.ts';

/** A request of the client that waits for its answer. */
interface Open {
  readonly label: string;
  readonly cmd: 'publish' | 'pubrel' | 'subscribe' | 'unsubscribe';
}

/** A copy whose acknowledgement is due; `again`: it may be acknowledged once more, for it came once more. */
interface Unacknowledged {
  readonly copy: Copy;
  readonly packetId: number;
  readonly again: boolean;
  /** The Server has released it since. */
  isReleased?: true;
}

/** Milliseconds for which an orderly stop waits at least for what is unanswered. */
const DRAINS_FOR = 300;

/** What one connection knows of the client around it. */
export interface Around {
  /** Milliseconds since an orderly stop began, or undefined; and how many messages had been published before. */
  stopping(): number | undefined;
  readonly beforeStop: number;
  /** QoS 1 and 2 messages that may be in flight by our own limit. */
  readonly maximumInflight: number;
  /** Whether the disk is being written: acknowledgements wait for it, and DISCONNECT does not. */
  readonly isWriting: boolean;
  /** Number of the client: announcements bear it. */
  readonly generation: number;
}

/** The promises about one connection: ids, order, quotas, and what is left behind at its end. */
export class ConnectionWatch implements LinkWatch {
  readonly #name: string;
  readonly #judge: Judge;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #around: Around;
  readonly #open = new Map<number, Open>();
  readonly #published = new Set<string>();
  #latest = 0;
  /** What waited is behind what is sent again. */
  #latestAtQos0 = 0;
  /** Copies that are not acknowledged, in their order. */
  readonly #unacknowledged: Record<'puback' | 'pubrec', Unacknowledged[]> = { puback: [], pubrec: [] };
  /** PUBRELs whose PUBCOMP has not left, by packet id. */
  readonly #releasing = new Map<number, number>();
  /** Copies that the client has acknowledged on this connection. */
  readonly #acknowledged = new Set<Copy>();
  /** PINGREQs that are not answered: behind a SUBACK they tell the end of what was retained. */
  #pings = 0;
  #healthy = true;
  #ended = false;
  #said: 'nothing' | 'close message' | 'disconnect' = 'nothing';

  constructor(name: string, judge: Judge, outbound: Outbound, inbound: Inbound, around: Around) {
    this.#name = name;
    this.#judge = judge;
    this.#outbound = outbound;
    this.#inbound = inbound;
    this.#around = around;
  }

  /** Why the connection is not at rest, or undefined. */
  unrest(): string | undefined {
    if (!this.#healthy) return 'the connection is dead';
    const first = [...this.#open.values()][0];
    return first === undefined ? undefined : `the ${first.cmd} ${first.label} is not answered`;
  }

  failed(): void {
    this.#healthy = false;
  }

  ended(): void {
    this.#healthy = false;
    if (this.#ended) return;
    this.#ended = true;
    for (const { label, cmd } of this.#open.values()) if (cmd === 'publish') this.#outbound.endedBehind(label);
  }

  wrote(packet: ClientPacket): void {
    this.#judge.note(() => `${this.#name} > ${shownClient(packet)}`);
    if (this.#said === 'disconnect') this.#judge.violation('DISCONNECT is the last', `${packet.cmd} follows it`);
    switch (packet.cmd) {
      case 'publish':
        return this.#wrotePublish(packet);
      case 'puback':
      case 'pubrec':
        return this.#wroteAcknowledgement(packet.cmd, packet);
      case 'pubrel':
        if (packet.code === 0) this.#open.set(packet.packetId, { label: '', cmd: 'pubrel' });
        return;
      case 'pingreq':
        this.#pings += 1;
        return;
      case 'subscribe':
      case 'unsubscribe':
        this.#outbound.usedId(packet.packetId);
        return this.#opens(packet.packetId, { label: packet.cmd, cmd: packet.cmd });
      case 'disconnect':
        this.#said = 'disconnect';
        if (packet.code === 0) this.#checkDrained();
        return;
      case 'pubcomp':
        return this.#completed(packet.packetId);
      case 'connect':
    }
  }

  got(sent: Sent): void {
    this.#judge.note(() => `${this.#name} < ${shownServer(sent)}`);
    switch (sent.cmd) {
      case 'puback':
      case 'pubcomp':
      case 'suback':
      case 'unsuback':
        this.#open.delete(sent.packetId);
        return;
      case 'pubrec':
        if (sent.code >= 0x80) this.#open.delete(sent.packetId);
        return;
      case 'publish':
        return this.#gotPublish(sent.copy, sent.packetId);
      case 'pingresp':
        this.#pings -= 1;
        return;
      case 'pubrel':
        return this.#releases(sent.packetId);
      case 'connack':
      case 'disconnect':
    }
  }

  #wrotePublish({ label, packetId, qos }: Publish): void {
    if (this.#said === 'close message') {
      this.#judge.violation('the close message is the last', `${label} follows it`);
    }
    if (this.#published.has(label)) {
      this.#judge.violation('once per connection', `${label} is published twice on ${this.#name}`);
    }
    this.#published.add(label);
    if (qos > 0) {
      this.#outbound.usedId(packetId);
      this.#opens(packetId, { label, cmd: 'publish' });
      this.#checkInflight();
    }
    if (label.startsWith('birth') || label.startsWith('close')) return this.#wroteAnnouncement(label);
    const number = this.#outbound.written(label);
    if (number === undefined) return;
    const latest = qos === 0 ? this.#latestAtQos0 : this.#latest;
    if (number < latest) {
      this.#judge.violation('order, out', `${label} is written behind m${latest} on ${this.#name}`);
    }
    if (qos === 0) this.#latestAtQos0 = number;
    else this.#latest = number;
  }

  #wroteAnnouncement(label: string): void {
    const { generation } = this.#around;
    if (label !== `birth${generation}` && label !== `close${generation}`) {
      this.#judge.violation('announcements end with their connection', `${label} is sent by the client ${generation}`);
    }
    if (!label.startsWith('close')) return;
    this.#said = 'close message';
    if (this.#around.stopping() === undefined) {
      this.#judge.violation('announcements end with their connection', `${label} is sent, but nobody stops`);
    }
  }

  #opens(packetId: number, open: Open): void {
    const other = this.#open.get(packetId);
    if (other !== undefined) {
      this.#judge.violation('packet ids are unique', `${open.label} has the id ${packetId} of ${other.label}`);
    }
    this.#open.set(packetId, open);
  }

  #checkInflight(): void {
    let inflight = 0;
    for (const { cmd } of this.#open.values()) if (cmd === 'publish' || cmd === 'pubrel') inflight += 1;
    const { maximumInflight } = this.#around;
    if (inflight <= maximumInflight) return;
    this.#judge.violation('limits are kept', `${inflight} messages are in flight, at most ${maximumInflight} may be`);
  }

  #gotPublish(copy: Copy, packetId: number): void {
    const due = this.#unacknowledged[copy.qos === 1 ? 'puback' : 'pubrec'];
    const isDue = due.some((one) => one.copy === copy && (copy.qos === 2 || !one.again));
    // Sent again on this connection nobody gets it again, and at QoS 1 it is acknowledged once.
    if (!isDue) this.#inbound.got(copy);
    if (copy.retain && this.#maySendStored()) copy.ambiguous = true;
    const again = isDue || (copy.qos === 2 && this.#acknowledged.has(copy));
    if (copy.qos > 0) due.push({ copy, packetId, again });
  }

  /** What came once more may be taken in only now that the id is free: then it is another message at QoS 1. */
  #countLate(copy: Copy): void {
    const late = this.#unacknowledged.puback.filter((one) => one.again && one.copy === copy);
    copy.given += late.length;
  }

  #refused({ copy, packetId }: Unacknowledged): void {
    this.#released(packetId);
    this.#acknowledged.delete(copy);
  }

  /** Repetitions of before are answered before the PUBCOMP, or not any more; what comes under the id since is another message. */
  #releases(packetId: number): void {
    this.#releasing.set(packetId, (this.#releasing.get(packetId) ?? 0) + 1);
    for (const one of this.#unacknowledged.pubrec) if (one.again && one.packetId === packetId) one.isReleased = true;
  }

  #completed(packetId: number): void {
    const rest = (this.#releasing.get(packetId) ?? 1) - 1;
    this.#releasing.set(packetId, rest);
    if (rest > 0) return;
    const { pubrec } = this.#unacknowledged;
    this.#unacknowledged.pubrec = pubrec.filter((one) => one.isReleased !== true || one.packetId !== packetId);
  }

  /** From here on the id may be another message's: an answer to a repetition that has not left does not leave any more. */
  #released(packetId: number): void {
    const { pubrec } = this.#unacknowledged;
    this.#unacknowledged.pubrec = pubrec.filter((one) => !one.again || one.packetId !== packetId);
  }

  #maySendStored(): boolean {
    return this.#pings > 0 || [...this.#open.values()].some(({ cmd }) => cmd === 'subscribe');
  }

  /** [MQTT-4.6.0-2], [MQTT-4.6.0-3]: in the order of the PUBLISH packets. */
  #wroteAcknowledgement(cmd: 'puback' | 'pubrec', { packetId, code }: Ack): void {
    const first = takeDue(this.#unacknowledged[cmd], packetId);
    if (first === undefined || first.packetId !== packetId) {
      const due = first === undefined ? 'none is due' : `${describe(first.copy)} is due`;
      return this.#judge.violation('acknowledged in order', `${cmd.toUpperCase()} ${packetId}, but ${due}`);
    }
    this.#inbound.acknowledged(first.copy);
    this.#acknowledged.add(first.copy);
    // A refusal is the end of it (4.3.3).
    if (cmd === 'pubrec' && code >= 0x80) this.#refused(first);
    if (cmd === 'puback') this.#countLate(first.copy);
  }

  /** What is published while the client stops is for the next connection. */
  #isDue({ cmd, label }: Open): boolean {
    return cmd === 'pubrel' || (cmd === 'publish' && this.#outbound.numberOf(label) <= this.#around.beforeStop);
  }

  #checkDrained(): void {
    const stopping = this.#around.stopping();
    if (stopping === undefined || stopping >= DRAINS_FOR || !this.#healthy) return;
    const unanswered = [...this.#open.values()].find((open) => this.#isDue(open));
    const { puback, pubrec } = this.#unacknowledged;
    const unacknowledged = [puback, pubrec]
      .map((all) => all.find(({ again }) => !again))
      .find((first) => first !== undefined && this.#inbound.isHanded(first.copy));
    const isDue = unacknowledged !== undefined && !this.#around.isWriting;
    const left = unanswered?.label ?? (isDue ? describe(unacknowledged.copy) : undefined);
    if (left === undefined) return;
    this.#judge.violation('a stop drains', `DISCONNECT after ${stopping} ms, ${left} is not acknowledged`);
  }
}

/** Takes what the client acknowledges by this id, if it is the next; what only may be acknowledged is passed over. */
function takeDue(due: Unacknowledged[], packetId: number): Unacknowledged | undefined {
  const surely = due.findIndex(({ again }) => !again);
  const end = surely === -1 ? due.length : surely;
  const late = due.findIndex((one, index) => index < end && one.packetId === packetId);
  const next = due[end];
  if (next?.packetId !== packetId) return late === -1 ? next : due.splice(0, late + 1).at(-1);
  // Of two with the id one is acknowledged now, and the other may be.
  if (late !== -1) due.splice(end, 1, { ...next, again: true });
  return due.splice(0, (late === -1 ? end : late) + 1).at(-1);
}

function shownClient(packet: ClientPacket): string {
  switch (packet.cmd) {
    case 'connect':
      return `CONNECT ${packet.clientId} v${packet.version}${packet.clean ? ' clean' : ''} expiry ${packet.expiry}`;
    case 'publish':
      return shownPublish(packet.label, packet);
    case 'subscribe':
      return `SUBSCRIBE ${packet.packetId} ${packet.filters.map(({ filter, qos }) => `${filter}:${qos}`).join(' ')} as ${packet.identifier}`;
    case 'unsubscribe':
      return `UNSUBSCRIBE ${packet.packetId} ${packet.filters.join(' ')}`;
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return shownAck(packet);
    case 'disconnect':
      return `DISCONNECT 0x${packet.code.toString(16)}`;
    case 'pingreq':
      return 'PINGREQ';
  }
}

function shownServer(sent: Sent): string {
  switch (sent.cmd) {
    case 'publish':
      return `${shownPublish(sent.copy.label, { ...sent.copy, dup: sent.dup })}${shownIdentifiers(sent.copy)}`;
    case 'connack':
      return `CONNACK 0x${sent.code.toString(16)} session ${sent.sessionPresent ? 'present' : 'new'}`;
    case 'suback':
    case 'unsuback':
      return `${sent.cmd.toUpperCase()} ${sent.packetId}`;
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return shownAck(sent);
    case 'pingresp':
      return 'PINGRESP';
    case 'disconnect':
      return `DISCONNECT 0x${sent.code.toString(16)}`;
  }
}

function shownAck({ cmd, packetId, code }: Ack): string {
  return `${cmd.toUpperCase()} ${packetId}${code === 0 ? '' : ` 0x${code.toString(16)}`}`;
}

function shownIdentifiers({ identifiers }: Copy): string {
  return identifiers.length === 0 ? '' : ` as ${identifiers.join(' and ')}`;
}

type Shown = Pick<Publish, 'qos' | 'packetId' | 'topic' | 'dup' | 'retain'>;

function shownPublish(label: string, { qos, packetId, topic, dup, retain }: Shown): string {
  const id = qos > 0 ? ` id ${packetId}` : '';
  return `PUBLISH ${label} QoS ${qos}${id} ${topic}${dup ? ' dup' : ''}${retain ? ' retain' : ''}`;
}
