import { DEFAULT_OUTBOX, MqttError, type OutboxOptions } from '../../src/index.ts';

/** A message that a flow publishes while the session is being opened. */
export interface EarlyMessage {
  readonly topic: string;
  /** Bytes of its payload, as far as they are known before it is converted. */
  readonly bytes: number;
  readonly publish: () => void;
  /** Told why it will never be published. */
  readonly done: (error: Error) => void;
}

/** What flows publish while the session is being opened: it waits in order, within the limits of the outbox. */
export class EarlyMessages {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #waiting: EarlyMessage[] = [];
  #bytes = 0;

  constructor(outbox: Partial<OutboxOptions> = {}) {
    this.#maxMessages = outbox.maxMessages ?? DEFAULT_OUTBOX.maxMessages;
    this.#maxBytes = outbox.maxBytes ?? DEFAULT_OUTBOX.maxBytes;
  }

  /** @returns why there is no room for it. */
  add(message: EarlyMessage): MqttError | undefined {
    const { length } = this.#waiting;
    const what =
      length >= this.#maxMessages
        ? `${length} messages are waiting`
        : this.#bytes + message.bytes > this.#maxBytes
          ? `${this.#bytes} bytes are waiting`
          : undefined;
    if (what !== undefined) return full(message, what);
    this.#waiting.push(message);
    this.#bytes += message.bytes;
    return undefined;
  }

  /** All of them, in their order; none is left. */
  take(): readonly EarlyMessage[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return waiting;
  }
}

function full({ topic }: EarlyMessage, what: string): MqttError {
  const text = `not accepted for ${topic}: the session is not open yet, and the outbox is full (${what})`;
  return new MqttError('outbox-full', text, { retryable: true });
}
