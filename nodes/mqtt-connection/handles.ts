import { MqttError, type WorkState } from '../../src/index.ts';
import { RecentMap } from '../../src/util/recent-map.ts';
import { messageId } from '../common/message-id.ts';
import { EndedHandles } from './ended-handles.ts';

/**
 * `msg.delivery`: by which a flow says that it is done with a message. Plain data: it survives being cloned, stored, split
 * and joined.
 */
export interface Handle {
  readonly id: string;
  /** The id of the mqtt-in that sent it. */
  readonly node: string;
  /** 1 the first time, 2 when the message was given to the flow again, and so on. */
  readonly attempt: number;
}

/** A message that a flow works on. */
export interface Handled {
  readonly topic: string;
  /** Whether its broker can be told that it is refused: from MQTT 5 on. */
  readonly mayBeRefused: boolean;
  /** @returns what its acknowledgement was before: only an `open` one leaves. */
  end(reasonCode: number): WorkState;
}

/** Why a message cannot be acknowledged: what a flow did wrong, or what a person may want to know. */
export type Objection = { readonly error: MqttError } | { readonly warning: Warning };

/** Many of one kind come at once: a session that is lost takes all that a flow works on with it. */
export interface Warning {
  readonly kind: 'ended' | 'other-run' | 'lost' | 'left';
  readonly text: string;
}

/** The messages that the flows of this process work on, by the handles that they carry. */
export class Handles {
  /** Of this process: handles of an earlier one are told apart. */
  readonly #run: string;
  readonly #open = new RecentMap<Handled>();
  readonly #ended = new EndedHandles();
  #last = 0;

  /** @param run not the same for two processes. */
  constructor(run: string = messageId()) {
    this.#run = run;
  }

  /** @returns the id of its handle, until {@link close}. */
  open(handled: Handled): string {
    this.#last += 1;
    this.#open.set(this.#last, handled);
    return `${this.#run}-${this.#last}`;
  }

  /** @param why what is said to whoever acknowledges it from now on: it follows the words "the message to <topic>". */
  close(id: string, why: string): void {
    const number = numberIn(id);
    const handled = this.#open.get(number);
    if (handled === undefined) return;
    this.#open.delete(number);
    this.#ended.add(number, handled.topic, why);
  }

  /** How many messages are open. */
  get size(): number {
    return this.#open.size;
  }

  /** @param reasonCode 0 acknowledges, 128 and more refuses. @returns undefined: it is done. */
  acknowledge(handle: unknown, reasonCode: number): Objection | undefined {
    const id = idOf(handle);
    if (id === undefined) return { error: notFrom('msg.delivery is not what an mqtt-in has sent') };
    if (!id.startsWith(`${this.#run}-`)) return warning('other-run', FROM_ANOTHER_RUN);
    const number = numberIn(id);
    const handled = this.#open.get(number);
    if (handled === undefined) return this.#whyClosed(number);
    if (reasonCode > 0 && !handled.mayBeRefused) return { error: notRefused(handled.topic) };
    const before = handled.end(reasonCode);
    this.close(id, 'was acknowledged before');
    return before === 'open' ? undefined : { warning: { kind: before, text: tooLate(handled.topic, before) } };
  }

  #whyClosed(number: number): Objection {
    if (!(number <= this.#last)) return { error: notFrom('msg.delivery names no message') };
    return warning('ended', `the message ${this.#ended.get(number) ?? 'ended long before'}`);
  }
}

const FROM_ANOTHER_RUN =
  'not acknowledged: the message is of before Node-RED was started, or of another Node-RED; where the broker kept the session it comes again';

function warning(kind: Warning['kind'], text: string): Objection {
  return { warning: { kind, text } };
}

function idOf(handle: unknown): string | undefined {
  const { id } = (handle ?? {}) as { id?: unknown };
  return typeof id === 'string' && /^[0-9a-f]+-\d+$/.test(id) ? id : undefined;
}

/** NaN: it is none that was given out. */
function numberIn(id: string): number {
  const number = Number(id.slice(id.indexOf('-') + 1));
  return id.endsWith(`-${number}`) ? number : Number.NaN;
}

function notFrom(what: string): MqttError {
  return new MqttError(
    'invalid-message',
    `not acknowledged: ${what}; mqtt-in sets it where it acknowledges when the flow is done`,
  );
}

function notRefused(topic: string): MqttError {
  const text = `the message to ${topic} was not refused: that needs MQTT 5, and it did not come by that; it can be acknowledged`;
  return new MqttError('not-supported', text);
}

function tooLate(topic: string, state: WorkState): string {
  const why =
    state === 'left'
      ? 'its connection was made anew, and if the session goes on, the broker sends it again'
      : 'its session with the broker is gone';
  return `the message to ${topic} was not acknowledged: ${why}`;
}

export const handles = new Handles();
