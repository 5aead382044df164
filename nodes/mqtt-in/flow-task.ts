import type { PublishPacket, TopicFilter, Work, WorkState } from '../../src/index.ts';
import { type Handled, handles } from '../mqtt-connection/handles.ts';

/** What a message came by. */
export interface Origin {
  readonly mqtt5: boolean;
  /** Whose session it was, of which server. */
  readonly session: string;
}

/** A message that the flow has, or will get. */
export class FlowTask implements Handled {
  readonly filter: TopicFilter;
  readonly mayBeRefused: boolean;
  readonly topic: string;
  /** undefined: at QoS 0 there is nothing to acknowledge. */
  readonly work: Work | undefined;
  readonly session: string;
  readonly id: string;
  attempt = 0;
  startedAt = 0;
  /** At QoS 0 nobody else has it. */
  readonly #packet: PublishPacket | undefined;
  readonly #end: (task: FlowTask, reasonCode: number) => WorkState;

  /** @param end called when the flow says that it is done with it. */
  constructor(
    packet: PublishPacket,
    filter: TopicFilter,
    work: Work | undefined,
    { mqtt5, session }: Origin,
    end: (task: FlowTask, reasonCode: number) => WorkState,
  ) {
    this.topic = packet.topic;
    this.filter = filter;
    this.work = work;
    this.session = session;
    this.mayBeRefused = mqtt5 || work === undefined;
    // A small payload is part of a chunk of the socket.
    this.#packet = work === undefined ? { ...packet, payload: Buffer.from(packet.payload) } : undefined;
    this.#end = end;
    this.id = handles.open(this);
  }

  get packet(): PublishPacket | undefined {
    return this.work === undefined ? this.#packet : this.work.packet;
  }

  end(reasonCode: number): WorkState {
    return this.#end(this, reasonCode);
  }
}
