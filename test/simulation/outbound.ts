import { MqttError, type OutboxOptions, type QoS } from '../../src/index.ts';
import type { Judge } from './judge.ts';
import type { VirtualTime } from './virtual-time.ts';

/** A message that a flow published. */
interface Message {
  readonly label: string;
  readonly number: number;
  readonly qos: QoS;
  readonly topic: string;
  /** Milliseconds of virtual time. */
  readonly at: number;
  outcome: 'open' | 'done' | 'failed';
  /** Times that its PUBLISH was written. */
  written: number;
  /** Times that the Server delivered it. */
  taken: number;
  /** Connections that ended while it was unanswered. */
  ends: number;
  /** The Server lost a session while it was under way. */
  mayDouble: boolean;
  /** Its process was killed, or a packet id of a killed one collided by chance. */
  excused: boolean;
  /** Its process was killed, and the next one has it from the disk: nobody is told its outcome. */
  survives: boolean;
  /** That disk had failed: what became of the message since is not on it. */
  stale: boolean;
}

/** What of a scenario the promises about what flows publish depend on. */
export interface OutboundKind {
  readonly outbox: Partial<OutboxOptions> | undefined;
  /** Milliseconds that a write takes at most; undefined: there is no disk. */
  readonly disk: number | undefined;
  readonly settledBy: 'store' | undefined;
}

/** At so many ends of connections behind one message it may be set aside. */
const ENDS_BEFORE_SET_ASIDE = 3;

/** Milliseconds: the time is a sum of fractions. */
const ROUNDING = 0.001;

/** The promises about what flows publish: nothing lost, nothing forgotten, nothing told that is not so, all in order. */
export class Outbound {
  readonly #judge: Judge;
  readonly #time: VirtualTime;
  readonly #whenFull: OutboxOptions['whenFull'];
  /** Seconds. */
  readonly #longestWait: number;
  /** What has its turn waits for no disk. */
  readonly #leavesAtOnce: boolean;
  readonly #settledByStore: boolean;
  readonly #qos0Waits: boolean;
  readonly #messages: Message[] = [];
  /** The highest number that the Server took, by QoS. */
  readonly #taken: [number, number, number] = [0, 0, 0];
  /** The first packet id of each client. */
  readonly #firstIds: number[] = [];
  #idsKnown = true;
  #unsettled = 0;
  /** Messages that a process had from the disk, and that failed. */
  #restoredFailed = 0;

  constructor(judge: Judge, time: VirtualTime, { outbox = {}, disk, settledBy }: OutboundKind) {
    this.#judge = judge;
    this.#time = time;
    this.#whenFull = outbox.whenFull ?? 'refuse';
    this.#longestWait = outbox.longestWait ?? Infinity;
    this.#qos0Waits = outbox.qos0Waits ?? false;
    this.#leavesAtOnce = disk === undefined;
    this.#settledByStore = settledBy === 'store';
  }

  /** Messages that are accepted and not settled. */
  get open(): number {
    return this.#unsettled;
  }

  /** Messages that flows have published. */
  get count(): number {
    return this.#messages.length;
  }

  /** 0 for what no flow published. */
  numberOf(label: string): number {
    return this.#find(label)?.number ?? 0;
  }

  /** A flow is about to publish; returns the number for {@link settled}. */
  published(kind: string, qos: QoS, topic: string): { readonly number: number; readonly label: string } {
    const number = this.#messages.length + 1;
    const label = `${kind}${number}`;
    this.#messages.push({
      label,
      number,
      qos,
      topic,
      at: this.#time.now,
      outcome: 'open',
      written: 0,
      taken: 0,
      ends: 0,
      mayDouble: false,
      excused: false,
      survives: false,
      stale: false,
    });
    this.#unsettled += 1;
    return { number, label };
  }

  settled(number: number, error: Error | undefined): void {
    const message = this.#messages[number - 1];
    if (message === undefined || message.excused) return;
    const { label } = message;
    this.#judge.note(() => `   ${label} is settled: ${error === undefined ? 'done' : error.message}`);
    if (message.outcome !== 'open') {
      return this.#judge.violation('settled exactly once', `${label} is settled again, it was ${message.outcome}`);
    }
    this.#unsettled -= 1;
    message.outcome = error === undefined ? 'done' : 'failed';
    // It is told as done by the store, which has to bring it to the Server.
    if (error === undefined && this.#settledByStore && message.qos > 0) message.survives = true;
    else if (error === undefined) this.#checkDone(message);
    else this.#checkFailed(message, error);
  }

  /** The client wrote the PUBLISH. @returns its place in the order of all; undefined: it has none. */
  written(label: string): number | undefined {
    const message = this.#find(label);
    if (message === undefined) return 0;
    message.written += 1;
    if (message.outcome !== 'open' && message.qos > 0 && !message.excused && !message.survives) {
      this.#judge.violation('settled is the end', `${label} is sent although it was settled (${message.outcome})`);
    }
    return this.#mayBeLate(message) ? undefined : message.number;
  }

  /** A connection ended while the message was unanswered. */
  endedBehind(label: string): void {
    const message = this.#find(label);
    if (message !== undefined) message.ends += 1;
  }

  /** The Server delivered it. */
  taken(label: string): void {
    const message = this.#find(label);
    if (message === undefined) return;
    message.taken += 1;
    if (message.excused) return;
    if (message.qos === 2 && message.taken > 1 && !message.mayDouble) {
      this.#judge.violation('QoS 2 exactly once, out', `the Server delivered ${label} twice in a kept session`);
    }
    if (message.taken > 1) return;
    // It gave way, and was not forgotten yet when the process was killed: it is sent after all, where it was.
    if (this.#mayBeLate(message)) return;
    if (message.number < this.#taken[message.qos]) {
      const text = `${label} comes behind m${this.#taken[message.qos]} of the same QoS ${message.qos}`;
      this.#judge.violation('order, out', text);
    }
    this.#taken[message.qos] = Math.max(this.#taken[message.qos], message.number);
  }

  /** Who was told that it gave way may have been a person: then nobody says which it was. */
  #mayBeLate({ survives, stale, outcome }: Message): boolean {
    return (
      stale || (survives && this.#whenFull === 'drop-oldest' && (outcome === 'failed' || this.#restoredFailed > 0))
    );
  }

  /** The Server treats a QoS 2 message as one of QoS 1. */
  downgraded(label: string): void {
    const message = this.#find(label);
    if (message !== undefined) message.mayDouble = true;
  }

  /** A session of the Server is gone, or left alone: what was under way may reach it twice. */
  sessionLost(): void {
    for (const message of this.#messages) if (message.written > 0) message.mayDouble = true;
  }

  /**
   * The process is gone, with all that it had accepted but for what the next one has on its disk.
   * @param isStale the process had gone on without it.
   */
  killed(survivors: readonly string[], isStale: boolean): void {
    const surviving = new Set(survivors);
    for (const message of this.#messages) {
      if (surviving.has(message.label)) message.survives = true;
      // What was told as done may not be forgotten yet: at QoS 1 it is sent once more.
      if (message.survives && (message.qos === 1 || isStale)) message.mayDouble = true;
      if (message.survives && isStale) message.stale = true;
      // In memory it was stored for this process alone.
      if (message.survives && !surviving.has(message.label) && this.#leavesAtOnce) message.excused = true;
      if (message.outcome !== 'open' || message.excused || message.survives) continue;
      message.excused = true;
    }
    this.#unsettled = this.#messages.filter(
      ({ outcome, excused, survives }) => outcome === 'open' && !excused && !survives,
    ).length;
  }

  restoredFailed(): void {
    this.#restoredFailed += 1;
  }

  /** A new client: its packet ids begin somewhere. */
  opened(): void {
    this.#idsKnown = false;
  }

  usedId(packetId: number): void {
    if (this.#idsKnown) return;
    this.#idsKnown = true;
    this.#firstIds.push(packetId);
  }

  /** The Server took a new message for the repetition of an earlier one with the same packet id. */
  mistaken(label: string, earlier: string): void {
    const [last, before] = [this.#firstIds.at(-1), this.#firstIds.at(-2)];
    if (last === before) {
      this.#judge.violation(
        'packet ids begin anywhere',
        `${label} has the packet id of ${earlier}, of an earlier client: the Server took it for a repetition`,
      );
    }
    for (const message of [this.#find(label), this.#find(earlier)]) {
      if (message === undefined || message.excused) continue;
      if (message.outcome === 'open') this.#unsettled -= 1;
      message.excused = true;
    }
  }

  /** Everything is over: every message has an outcome. @param onDisk labels of messages that the next process will have. */
  finish(onDisk: readonly string[]): void {
    const lost: string[] = [];
    for (const message of this.#messages) {
      const { label, outcome, excused, survives, taken, qos } = message;
      // At QoS 0 it may be lost on the way.
      const isMissed = survives && !excused && outcome !== 'failed' && taken === 0 && qos > 0;
      // Where the disk could not be read, the next process tells that it expired.
      if (isMissed && !(this.#isExpired(message) && onDisk.includes(label))) lost.push(label);
      if (survives || excused || outcome !== 'open') continue;
      this.#judge.violation('settled exactly once', `${label} was never settled`);
    }
    if (lost.length <= this.#restoredFailed) return;
    const text = `${lost.join(', ')} outlived a kill and never arrived, ${this.#restoredFailed} failures were told`;
    this.#judge.violation('what is on disk arrives', text);
  }

  #isExpired({ at }: Message): boolean {
    return this.#time.now - at >= this.#longestWait * 1000;
  }

  #checkDone({ label, qos, taken }: Message): void {
    if (qos > 0 && taken === 0) {
      this.#judge.violation(
        'told as done is done',
        `${label} (QoS ${qos}) is told as done, the Server did not deliver it`,
      );
    }
  }

  #checkFailed(message: Message, error: Error): void {
    if (!(error instanceof MqttError)) return;
    const { label, ends, at } = message;
    if (error.code === 'message-set-aside' && ends < ENDS_BEFORE_SET_ASIDE) {
      this.#judge.violation('set aside for a reason', `${label} is set aside, but ${ends} connections ended behind it`);
    }
    if (error.code === 'expired' && this.#time.now - at < this.#longestWait * 1000 - ROUNDING) {
      this.#judge.violation('waits as long as it may', `${label} expired after ${this.#time.now - at} ms`);
    }
    if (error.code === 'dropped') this.#checkDropped(message);
  }

  #checkDropped({ label, number, topic }: Message): void {
    const others = this.#messages.filter((other) => other.outcome === 'open' && !other.excused && !other.survives);
    const later = this.#messages.filter((other) => other.number > number && other.topic === topic);
    // What does not wait has no place that it could give up.
    const earlier = others.filter(
      (other) => other.number < number && other.written === 0 && (other.qos > 0 || this.#qos0Waits),
    );
    const isOldest = earlier.length === 0 || !this.#leavesAtOnce;
    const isRight = this.#whenFull === 'keep-latest' ? later.length > 0 : isOldest;
    if (isRight && this.#whenFull !== 'refuse') return;
    this.#judge.violation('who gives way', `${label} was dropped, the outbox is to ${this.#whenFull}`);
  }

  #find(label: string): Message | undefined {
    return /^[mxr]\d/.test(label) ? this.#messages[Number(label.slice(1)) - 1] : undefined;
  }
}
