import type { Node } from 'node-red';
import {
  MqttError,
  type PublishPacket,
  shownText,
  type Subscription,
  type SubscriptionOptions,
  type SubscriptionOutcome,
  textOf,
  type TopicFilter,
  type Workable,
} from '../../src/index.ts';
import type { FlowWorkOptions } from '../common/acknowledge.ts';
import type { Datatype } from '../common/decode.ts';
import { messageId } from '../common/message-id.ts';
import { toMsg } from '../common/message.ts';
import { failure, type NodeStatus } from '../common/status.ts';
import { statusText } from '../failures/status-text.ts';
import type { FlowCounts } from '../mqtt-connection/flow-counts.ts';
import { tellError } from '../mqtt-connection/catch-error.ts';
import type { Handle } from '../mqtt-connection/handles.ts';
import { RepeatedErrors } from '../mqtt-connection/repeated-errors.ts';
import { Repeats } from '../mqtt-connection/repeats.ts';
import type { SharedConnection, User } from '../mqtt-connection/shared-connection.ts';
import { StatusLight } from '../mqtt-connection/status-light.ts';
import type { Subscriber } from '../mqtt-connection/wishes.ts';
import type { Origin } from './flow-task.ts';
import type { Flow, FlowWork, Sendable } from './flow-work.ts';
import { flowWorks } from './flow-works.ts';
import { WorkLight } from './work-light.ts';

interface Subscribed {
  readonly subscription: Subscription;
  /** undefined: the node's own. */
  readonly datatype: Datatype | undefined;
  /** Why the broker refused it, while it does. */
  refusal: MqttError | undefined;
  /** No Local was asked for and is not in force, while it is not. */
  receivesOwn: boolean;
}

/** Milliseconds between two lines about messages that are dropped, at most. */
const LONGEST_SILENCE = 60_000;

/** The messages of this connection come back to the node that asked not to get them. */
const NO_LOCAL_UNMET: NodeStatus = { fill: 'yellow', shape: 'ring', text: statusText('no-local-not-met') };

/** What one mqtt-in takes from its connection: its filters, their messages, and the status that it shows. */
export class Intake implements Subscriber, User, Flow {
  readonly node: Node;
  readonly subscribesLate: boolean;
  readonly publishes = false;
  readonly #connection: SharedConnection;
  readonly #datatype: Datatype;
  readonly #light: StatusLight;
  /** Of messages: a flow that stands still is late for all that it has at once. */
  readonly #errors: RepeatedErrors;
  readonly #drops: Repeats;
  /** What its flow works on; undefined: a message is the flow's own when it has it. */
  readonly #work: FlowWork | undefined;
  readonly #workLight: WorkLight | undefined;
  /** What its flow had, when the node still waited for that. */
  #earlier: FlowWork | undefined;
  /** Subscribed by messages: takes up again what the session keeps of that. */
  takeUp: (() => void) | undefined;
  readonly #subscribed = new Map<string, Subscribed>();
  #status: NodeStatus | undefined;
  /** What messages come by, as of the last change of the connection. */
  #origin: Origin;
  /** Why the node's own filter cannot be subscribed at all. */
  #problem: MqttError | undefined;
  /** Tells it when all nodes exist: before, no Catch node hears it. */
  #untold: (() => void) | undefined;

  /**
   * @param isDynamic subscribed by messages.
   * @param flow how the flow works on messages that are acknowledged when it is done.
   */
  constructor(
    node: Node,
    connection: SharedConnection,
    datatype: Datatype,
    isDynamic: boolean,
    flow?: FlowWorkOptions,
  ) {
    this.node = node;
    this.subscribesLate = isDynamic;
    this.#light = new StatusLight(node);
    this.#errors = new RepeatedErrors(node);
    this.#drops = new Repeats((text) => node.warn(text), LONGEST_SILENCE);
    this.#connection = connection;
    this.#datatype = datatype;
    this.#origin = originOf(connection);
    if (flow === undefined) {
      this.#earlier = flowWorks.take(node.id);
      return;
    }
    const work = flowWorks.of(node.id, flow);
    this.#work = work;
    this.#workLight = new WorkLight(
      () => work.report,
      () => this.#refresh(),
      () => (connection.hasOtherSubscribers(this) ? work.holdsUpFor : 0),
    );
  }

  get works(): boolean {
    return this.#work !== undefined;
  }

  get flow(): FlowCounts | undefined {
    return this.#work?.report;
  }

  resumes(session: string): boolean | undefined {
    const { state } = this.#connection;
    if (state.phase !== 'connected') return undefined;
    return state.sessionPresent && session === this.#origin.session;
  }

  get ref(): string {
    return this.node.id;
  }

  /** @param takeUp for one that is subscribed by messages, as {@link User.takeUp}. */
  open(takeUp?: () => void): void {
    this.takeUp = takeUp;
    this.#connection.register(this);
    this.#workLight?.begin();
  }

  /** All nodes of its flow exist. */
  begin(): void {
    this.#untold?.();
    this.#untold = undefined;
    if (this.#work !== undefined) return this.#work.begin(this);
    for (const unsent of this.#earlier?.end().unsent ?? []) this.send(unsent, undefined);
    this.#earlier = undefined;
  }

  /**
   * Ends the node's part; its subscriptions stay with the broker unless the node was removed.
   * @param arrived asked behind this turn: whether the nodes behind have what the node sent within it.
   * @param stayed asked when the deploy is over: whether all nodes of its flow go on.
   */
  async close(removed: boolean, arrived: () => boolean, stayed: () => boolean): Promise<void> {
    for (const { subscription } of this.#subscribed.values()) {
      if (removed) subscription.unsubscribe();
      else subscription.release(this.#work === undefined ? arrived : always);
    }
    this.#subscribed.clear();
    if (removed && this.takeUp !== undefined) this.#connection.forgetWish(this.ref);
    this.#leaveFlow(removed, stayed);
    this.#errors.repeats.end();
    this.#drops.end();
    await this.#connection.deregister(this, removed);
  }

  /** Subscribes the node's own filter; one that breaks the rules is told to a person. */
  subscribe(filter: string, options: SubscriptionOptions): void {
    try {
      this.add(filter, options, undefined);
    } catch (error) {
      const problem = error instanceof MqttError ? error : new MqttError('invalid-filter', textOf(error));
      this.#problem = problem;
      this.#untold = () => tellError(this.node, problem, { topic: filter });
      this.#refresh();
    }
  }

  /**
   * Subscribes a filter, in place of an earlier subscription of this node to the same.
   * @throws {MqttError} `invalid-filter` or `invalid-options`; nothing has changed then.
   */
  add(filter: string, options: SubscriptionOptions, datatype: Datatype | undefined): void {
    const subscription = this.#connection.subscribe(filter, this, options, (outcome) => this.#heard(filter, outcome));
    this.#subscribed.set(filter, {
      subscription,
      datatype,
      refusal: undefined,
      receivesOwn: false,
    });
  }

  remove(filter: string): void {
    this.#subscribed.get(filter)?.subscription.unsubscribe();
    this.#subscribed.delete(filter);
    this.#refresh();
  }

  receive(packet: PublishPacket, filter: TopicFilter, workable?: Workable): void {
    const datatype = this.#subscribed.get(filter)?.datatype;
    if (this.#work === undefined) this.send({ packet, datatype }, undefined);
    else this.#work.receive({ packet, datatype }, workable, this.#origin);
  }

  send({ packet, datatype = this.#datatype }: Sendable, handle: Handle | undefined): boolean {
    try {
      const msg = toMsg(packet, datatype, this.#connection.local);
      msg._msgid = messageId();
      if (handle !== undefined) msg.delivery = handle;
      this.node.send(msg);
      return true;
    } catch (error) {
      this.#fail(error, packet, datatype);
      return false;
    }
  }

  late(error: MqttError, { packet, datatype = this.#datatype }: Sendable, handle: Handle): void {
    this.#fail(error, packet, datatype, handle);
  }

  dropped(topic: string): void {
    const text = `a message at QoS 0 to ${shownText(topic)} was dropped: too many wait for the flow`;
    if (this.#drops.isFirst('dropped')) this.node.warn(text);
    else this.#drops.count('dropped', text);
  }

  show(status: NodeStatus): void {
    this.#status = status;
    this.#origin = originOf(this.#connection);
    this.#work?.connected();
    this.#refresh();
  }

  /** A deploy has replaced nodes behind it, and left it alone. */
  flowChanged(): void {
    this.#work?.restart();
  }

  #fail(error: unknown, packet: PublishPacket, datatype: Datatype, delivery?: Handle): void {
    const { topic, qos, retain } = packet;
    const msg = { topic, payload: undecoded(packet, datatype), qos, retain };
    this.#errors.hear(error, delivery === undefined ? msg : { ...msg, delivery });
  }

  #leaveFlow(removed: boolean, stayed: () => boolean): void {
    this.#workLight?.end();
    this.#work?.pause(stayed);
    const tell = (acknowledged: number): void => {
      if (acknowledged > 0) this.node.warn(unworked(acknowledged));
    };
    if (removed) tell(flowWorks.remove(this.ref));
    else flowWorks.leave(this.ref, tell);
  }

  #heard(filter: string, outcome: SubscriptionOutcome): void {
    const subscribed = this.#subscribed.get(filter);
    if (subscribed === undefined) return;
    const refusal = outcome.granted ? undefined : outcome.error;
    const changed = refusal !== undefined && refusal.message !== subscribed.refusal?.message;
    subscribed.refusal = refusal;
    if (changed) tellError(this.node, refusal, { topic: filter });
    this.#hearNoLocal(filter, subscribed, outcome);
    this.#refresh();
  }

  /** Before MQTT 5 the option means nothing, and the dialog does not show it: there is nothing to tell. */
  #hearNoLocal(filter: string, subscribed: Subscribed, outcome: SubscriptionOutcome): void {
    const receivesOwn = outcome.granted && outcome.unmet === 'no-local' && this.#connection.mqtt5;
    if (receivesOwn && !subscribed.receivesOwn) {
      const why = 'another node subscribes the same without it';
      this.node.warn(`No Local is not met for ${shownText(filter)}, own messages come back: ${why}`);
    }
    subscribed.receivesOwn = receivesOwn;
  }

  /** Trouble of its own comes before the connection's state. */
  #refresh(): void {
    const connected = this.#connection.state.phase === 'connected';
    const status =
      this.#problem !== undefined
        ? failure(this.#problem)
        : (connected && (this.#trouble ?? this.#busy)) || this.#status;
    if (status !== undefined) this.#light.show(status);
  }

  /** What its flow makes of its status; undefined while that keeps up. */
  get #busy(): NodeStatus | undefined {
    const text = this.#workLight?.text;
    return text === undefined ? undefined : { fill: 'yellow', shape: 'dot', text };
  }

  /** What the broker's answers to its filters make of its status; undefined while all is well. */
  get #trouble(): NodeStatus | undefined {
    const all = [...this.#subscribed.values()];
    const refusal = all.find((each) => each.refusal !== undefined)?.refusal;
    if (refusal !== undefined) return failure(refusal);
    return all.some(({ receivesOwn }) => receivesOwn) ? NO_LOCAL_UNMET : undefined;
  }
}

const always = (): boolean => true;

function originOf({ mqtt5, server, clientId }: SharedConnection): Origin {
  return { mqtt5, session: `${server} ${clientId}` };
}

function unworked(count: number): string {
  const what = count === 1 ? '1 message was' : `${count} messages were`;
  return `${what} acknowledged that a flow was not done with: its mqtt-in is gone`;
}

/** The payload for Catch nodes: as text where only its content type said that it is JSON, as Node-RED's own nodes do. */
function undecoded({ payload }: PublishPacket, datatype: Datatype): string | Buffer {
  return datatype === 'json' ? Buffer.from(payload) : payload.toString();
}
