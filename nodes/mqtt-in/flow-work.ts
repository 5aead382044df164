import { MqttError, type PublishPacket, type Workable, type WorkState } from '../../src/index.ts';
import { InOrder } from '../../src/util/in-order.ts';
import type { FlowWorkOptions } from '../common/acknowledge.ts';
import type { Datatype } from '../common/decode.ts';
import type { FlowCounts } from '../mqtt-connection/flow-counts.ts';
import { type Handle, handles } from '../mqtt-connection/handles.ts';
import { after, type After } from '../mqtt-connection/waits.ts';
import { FlowTask, type Origin } from './flow-task.ts';
import { WaitingTasks } from './waiting-tasks.ts';

/** Milliseconds since some fixed point, and what happens after so many. */
export interface Time {
  readonly now: () => number;
  readonly after: After;
}

const WALL: Time = { now: () => performance.now(), after };

/** What the flow of one mqtt-in has to do with its messages. */
export interface Flow {
  /** Sends a message into the flow. @returns whether it could be sent; if not, that was told. */
  send({ packet, datatype }: Sendable, handle: Handle | undefined): boolean;
  /** Tells that the flow did not acknowledge a message in time. */
  late(error: MqttError, { packet, datatype }: Sendable, handle: Handle): void;
  /** Tells that a message at QoS 0 was dropped, because too many wait. */
  dropped(topic: string): void;
  /** Whether the Server goes on with this session, and so sends again what it has of it; undefined: not known yet. */
  resumes(session: string): boolean | undefined;
}

/** A message as it goes into a flow. */
export interface Sendable {
  readonly packet: PublishPacket;
  /** Of the subscription by which it came; undefined: the node's own. */
  readonly datatype: Datatype | undefined;
}

/**
 * The messages that the flow of an mqtt-in works on, at most so many at once; the others wait, at QoS 1 and 2 as long as
 * the session holds back what is not acknowledged. It outlives its node in a deploy: the next of the same id goes on.
 */
export class FlowWork {
  readonly #nodeId: string;
  readonly #time: Time;
  #options: FlowWorkOptions;
  /** undefined: a deploy is under way, and nothing is sent. */
  #flow: Flow | undefined;
  /** Asked when the next node goes on: whether the flow behind the last one is still there. */
  #stayed: (() => boolean) | undefined;
  /** In the order in which they were started: the time of the first is over first. */
  readonly #inFlow = new InOrder<FlowTask>();
  #starts = 0;
  readonly #waiting = new WaitingTasks();
  #cancel: (() => void) | undefined;
  #late = 0;
  #again = 0;
  #dropped = 0;

  constructor(nodeId: string, options: FlowWorkOptions, time: Time = WALL) {
    this.#nodeId = nodeId;
    this.#options = options;
    this.#time = time;
  }

  get report(): FlowCounts {
    return {
      inFlow: this.#inFlow.size,
      oldest: this.#secondsSince([...this.#inFlow].map(({ firstAt }) => firstAt ?? Infinity)),
      waiting: this.#waiting.size,
      late: this.#late,
      again: this.#again,
      dropped: this.#dropped,
    };
  }

  /** Seconds for which the acknowledgements behind the first message that is to be acknowledged have waited; 0: there is none. */
  get holdsUpFor(): number {
    const open = [...this.#inFlow, ...this.#waiting].filter(({ work }) => work?.state === 'open');
    return this.#secondsSince(open.map(({ cameAt }) => cameAt));
  }

  /** Another node of the same id goes on, perhaps with other options. */
  configure(options: FlowWorkOptions): void {
    this.#options = options;
  }

  /** The flow is there: what waits is sent. What the flow of before had, and did not keep, is sent again. */
  begin(flow: Flow): void {
    this.#flow = flow;
    if (this.#stayed?.() === false) {
      // They came first, and are in front of what waits.
      for (const task of this.#takeBack()) this.#waiting.add(task);
    }
    this.#stayed = undefined;
    this.#fill();
    this.#arm();
  }

  /**
   * The node is closed, and may come back.
   * @param stayed asked later: whether the nodes behind it were left alone, with what they have.
   */
  pause(stayed: () => boolean): void {
    this.#flow = undefined;
    const before = this.#stayed;
    this.#stayed = before === undefined ? stayed : () => before() && stayed();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** The connection has changed: whether the broker sends again what waits may be known now. */
  connected(): void {
    this.#fill();
    this.#arm();
  }

  /** Nodes behind were replaced, and may have lost what they had: it is given to the flow again. */
  restart(): void {
    if (this.#flow === undefined) return;
    for (const task of this.#takeBack()) this.#start(task, this.#flow);
    this.#fill();
    this.#arm();
  }

  /** Nobody goes on with it: all of it is acknowledged. @returns how many that were, and what no flow has. */
  end(): { readonly acknowledged: number; readonly unsent: readonly Sendable[] } {
    const isFlowGone = this.#stayed?.() === false;
    this.pause(() => true);
    const all = [...this.#inFlow, ...this.#waiting];
    const unsent = isFlowGone ? all : [...this.#waiting];
    const messages = unsent.flatMap(({ packet, datatype, work }) =>
      packet === undefined || work?.state === 'left' ? [] : [{ packet, datatype }],
    );
    const acknowledged = all.filter(({ work }) => work?.state === 'open').length;
    for (const task of all) this.#close(task, 'was acknowledged when its mqtt-in was removed or changed');
    return { acknowledged, unsent: messages };
  }

  receive({ packet, datatype }: Sendable, workable: Workable | undefined, origin: Origin): void {
    const work = workable?.begin();
    if (work === undefined && !this.#isFree && !this.#hasRoom(packet)) return;
    const ended = (task: FlowTask, code: number): WorkState => this.#ended(task, code);
    const task = new FlowTask(packet, datatype, work, origin, ended, this.#time.now);
    this.#waiting.add(task);
    this.#fill();
    this.#arm();
  }

  /** Seconds since the first of these times; 0: there is none. */
  #secondsSince(times: readonly number[]): number {
    const now = this.#time.now();
    const first = times.reduce((least, time) => Math.min(least, time), now);
    return Math.floor((now - first) / 1000);
  }

  #ended(task: FlowTask, reasonCode: number): WorkState {
    this.#takeOut(task);
    const before = task.work?.end(reasonCode) ?? 'open';
    this.#fill();
    return before;
  }

  #fill(): void {
    while (this.#flow !== undefined && this.#inFlow.size < this.#options.atOnce) {
      const next = this.#waiting.first;
      if (next === undefined) return;
      // It waits for the answer of the next connection.
      if (comesAgain(next, this.#flow) === undefined) return;
      this.#waiting.delete(next);
      this.#start(next, this.#flow);
    }
  }

  #start(task: FlowTask, flow: Flow): void {
    const { packet } = task;
    if (packet === undefined || comesAgain(task, flow) === true) return handles.close(task.id, whyNot(task, flow));
    if (task.attempt > 0) this.#again += 1;
    task.attempt += 1;
    this.#begins(task);
    const { datatype } = task;
    if (!flow.send({ packet, datatype }, this.#handleOf(task))) this.#close(task, 'could not be sent into the flow');
  }

  /** Its time begins, behind that of all others. */
  #begins(task: FlowTask): void {
    this.#inFlow.delete(task.start);
    task.startedAt = this.#time.now();
    task.firstAt ??= task.startedAt;
    task.start = ++this.#starts;
    this.#inFlow.set(task.start, task);
  }

  #handleOf({ id, attempt }: FlowTask): Handle {
    return { id, node: this.#nodeId, attempt };
  }

  /** Acknowledges what the flow cannot. @param why what is said of it where that can be done. */
  #close(task: FlowTask, why: string): void {
    this.#takeOut(task);
    const isOpen = task.work === undefined || task.work.state === 'open';
    const told = isOpen ? why : whyNot(task, this.#flow);
    task.work?.end();
    handles.close(task.id, told);
  }

  /** The flow has lost all that it had. */
  #takeBack(): readonly FlowTask[] {
    const lost = [...this.#inFlow];
    this.#inFlow.clear();
    return lost;
  }

  #takeOut(task: FlowTask): void {
    this.#inFlow.delete(task.start);
    this.#waiting.delete(task);
  }

  /** Whether a message that comes now need not wait. */
  get #isFree(): boolean {
    return this.#flow !== undefined && this.#waiting.size === 0 && this.#inFlow.size < this.#options.atOnce;
  }

  /** Makes room for one more at QoS 0, or says that there is none. */
  #hasRoom(packet: PublishPacket): boolean {
    for (;;) {
      const task = this.#waiting.whoGivesWay(packet, this.#options.qos0WhenFull);
      if (task === 'none') return true;
      this.#dropped += 1;
      this.#flow?.dropped((task ?? packet).topic);
      if (task === undefined) return false;
      this.#waiting.delete(task);
      handles.close(task.id, 'was dropped: too many waited for the flow');
    }
  }

  #arm(): void {
    const { timeout } = this.#options;
    const { first } = this.#inFlow;
    if (this.#cancel !== undefined || timeout === undefined || first === undefined || this.#flow === undefined) return;
    const due = first.startedAt + timeout - this.#time.now();
    this.#cancel = this.#time.after(Math.max(1, due), () => this.#due(timeout));
  }

  #due(timeout: number): void {
    this.#cancel = undefined;
    const now = this.#time.now();
    // Those that are given again are started anew, and so behind these.
    for (const task of this.#inFlow) {
      if (task.startedAt + timeout > now) break;
      this.#isLate(task, timeout);
    }
    this.#fill();
    this.#arm();
  }

  #isLate(task: FlowTask, timeout: number): void {
    const flow = this.#flow;
    const { packet } = task;
    if (flow === undefined) return;
    // A place must not be taken for ever, whatever became of the message.
    if (packet === undefined) return this.#close(task, 'is gone');
    const fate = this.#fateOf(task, flow);
    // It has its time once more.
    if (fate === 'unknown') return this.#begins(task);
    this.#late += 1;
    this.#takeOut(task);
    const { datatype } = task;
    flow.late(late(task, timeout, FATES[fate]), { packet, datatype }, this.#handleOf(task));
    if (fate === 'given again') return this.#start(task, flow);
    const how = task.work === undefined ? 'gave its place away' : 'was acknowledged';
    this.#close(task, `${how} when the time for it was over`);
  }

  #fateOf(task: FlowTask, flow: Flow): Fate | 'unknown' {
    const isTheBrokers = comesAgain(task, flow);
    if (isTheBrokers === undefined) return 'unknown';
    if (isTheBrokers) return 'sent again';
    if (this.#options.whenLate === 'again' && task.work !== undefined) return 'given again';
    return task.work?.state === 'open' ? 'acknowledged' : 'given up';
  }
}

/** What becomes of a message that is late, and what is told of it. */
const FATES = {
  'sent again': 'the broker sends it again',
  'given again': 'it is given to the flow again',
  acknowledged: 'it is acknowledged',
  'given up': 'its place is free',
} as const;

type Fate = keyof typeof FATES;

/** What is said of a message that could not be acknowledged. */
function whyNot(task: FlowTask, flow: Flow | undefined): string {
  if (task.work?.state !== 'left') return 'was not acknowledged: its session with the broker is gone';
  const resumed = flow?.resumes(task.session);
  const then =
    resumed === undefined
      ? 'if the session goes on, the broker sends it again'
      : resumed
        ? 'the broker sends it again'
        : 'the broker does not know it any more';
  return `was not acknowledged: its connection was made anew, and ${then}`;
}

/** Whether its connection was made anew, and the broker sends it again; undefined: nobody knows yet. */
function comesAgain({ work, session }: FlowTask, flow: Flow): boolean | undefined {
  return work?.state === 'left' ? flow.resumes(session) : false;
}

function late({ topic, attempt }: FlowTask, timeout: number, then: string): MqttError {
  const times = attempt === 1 ? '' : ` (attempt ${attempt})`;
  const text = `the flow did not acknowledge the message to ${topic} within ${timeout / 1000} s${times}: ${then}`;
  return new MqttError('not-acknowledged', text);
}
