import type { NodeMessage } from 'node-red';
import { MqttError, type MqttErrorCode } from '../../src/index.ts';
import { failure, type NodeStatus } from '../common/status.ts';

/** Why a message failed where a person has to mend something, and the connection shows nothing of it. */
const SHOWN: ReadonlySet<MqttErrorCode> = new Set([
  'invalid-message',
  'invalid-topic',
  'message-set-aside',
  'not-supported',
  'packet-too-large',
  'publish-rejected',
]);

/** What an mqtt-out shows: its connection, and while that is up, why its last message was refused. */
export class RefusalLight {
  readonly #show: (status: NodeStatus) => void;
  readonly #isConnected: () => boolean;
  #status: NodeStatus | undefined;
  /** Since the last message that went well. */
  #refusal: MqttError | undefined;

  constructor(show: (status: NodeStatus) => void, isConnected: () => boolean) {
    this.#show = show;
    this.#isConnected = isConnected;
  }

  /** The state of the connection is another one. */
  show(status: NodeStatus): void {
    this.#status = status;
    this.#refresh();
  }

  /** What became of a message. */
  hear(msg: NodeMessage, error: unknown): void {
    const refusal = error ? refusalOf(error) : undefined;
    // What failed for another reason says nothing about the refusal of before.
    if (refusal === this.#refusal || (error && refusal === undefined) || !isPublished(msg)) return;
    this.#refusal = refusal;
    this.#refresh();
  }

  /** The node is closed: what it shows last is its connection. */
  end(): void {
    this.#refusal = undefined;
  }

  #refresh(): void {
    const status = this.#refusal !== undefined && this.#isConnected() ? failure(this.#refusal) : this.#status;
    if (status !== undefined) this.#show(status);
  }
}

function refusalOf(error: unknown): MqttError | undefined {
  return error instanceof MqttError && SHOWN.has(error.code) ? error : undefined;
}

/** An action, and a message without a payload, are done too. */
function isPublished(msg: NodeMessage & { action?: unknown }): boolean {
  return !msg.action && Object.hasOwn(msg, 'payload');
}
