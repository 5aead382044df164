import type { PublishPacket, Work, WorkState } from '../../src/index.ts';
import type { Datatype } from '../common/decode.ts';
import { type Handled, handles } from '../mqtt-connection/handles.ts';

/** What a message came by. */
export interface Origin {
  readonly mqtt5: boolean;
  /** Whose session it was, of which server. */
  readonly session: string;
}

/** A message that the flow has, or will get. */
export class FlowTask implements Handled {
  /** Of the subscription by which it came; undefined: the node's own. */
  readonly datatype: Datatype | undefined;
  readonly mayBeRefused: boolean;
  readonly topic: string;
  /** undefined: at QoS 0 there is nothing to acknowledge. */
  readonly work: Work | undefined;
  readonly session: string;
  readonly id: string;
  /** Its number among those that wait; 0: it never did. */
  turn = 0;
  /** Its number among those that were started, whenever it was last; 0: it never was. */
  start = 0;
  /** When it came, and since when the acknowledgements behind it wait for its own. */
  readonly cameAt: number;
  attempt = 0;
  startedAt = 0;
  /** When the flow got it first. */
  firstAt: number | undefined;
  /** At QoS 0 nobody else has it. */
  readonly #packet: PublishPacket | undefined;
  readonly #end: (task: FlowTask, reasonCode: number) => WorkState;
  readonly #now: () => number;

  /**
   * @param end called when the flow says that it is done with it.
   * @param now milliseconds since some fixed point.
   */
  constructor(
    packet: PublishPacket,
    datatype: Datatype | undefined,
    work: Work | undefined,
    { mqtt5, session }: Origin,
    end: (task: FlowTask, reasonCode: number) => WorkState,
    now: () => number = () => performance.now(),
  ) {
    this.topic = packet.topic;
    this.datatype = datatype;
    this.work = work;
    this.session = session;
    this.mayBeRefused = mqtt5 || work === undefined;
    // A small payload is part of a chunk of the socket.
    this.#packet = work === undefined ? { ...packet, payload: Buffer.from(packet.payload) } : undefined;
    this.#end = end;
    this.#now = now;
    this.cameAt = now();
    this.id = handles.open(this);
  }

  /** As it is now: it may have waited long for its turn, or be given to the flow again. */
  get packet(): PublishPacket | undefined {
    const packet = this.work === undefined ? this.#packet : this.work.packet;
    const { properties } = packet ?? {};
    if (packet === undefined || properties?.messageExpiryInterval === undefined) return packet;
    return {
      ...packet,
      properties: { ...properties, messageExpiryInterval: this.#left(properties.messageExpiryInterval) },
    };
  }

  end(reasonCode: number): WorkState {
    return this.#end(this, reasonCode);
  }

  /**
   * The Message Expiry Interval counts down while a message waits, as it does at a Server (3.3.2.3.3). Where it has passed it
   * is 1: only a Server deletes for that, what came is for the flow to judge, and for some brokers 0 is without an end.
   */
  #left(seconds: number): number {
    return Math.max(1, seconds - Math.floor((this.#now() - this.cameAt) / 1000));
  }
}
