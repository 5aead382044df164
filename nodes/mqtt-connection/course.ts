import { type Client, MqttError } from '../../src/index.ts';
import type { CurrentClient } from './current-client.ts';
import { nextAttempt } from './next-attempt.ts';
import { Turns } from './turns.ts';

/** Whether the connection is to be up, and the turns in which that changes, one after the other. */
export class Course {
  readonly #current: CurrentClient;
  readonly #turns = new Turns();
  /** `parted`: a flow disconnected, and only a flow connects again. `closed`: for good. */
  #wanted: 'open' | 'parted' | 'closed' = 'open';

  constructor(current: CurrentClient) {
    this.#current = current;
  }

  /** Connects, unless a flow disconnected. */
  connectByItself(): void {
    if (this.#wanted === 'open') this.#current.client?.connect();
  }

  /**
   * Resolves when connected. A connection that is up stays as it is.
   * @throws {MqttError} why the first attempt failed; further attempts follow. `closed`, when the connection is.
   */
  async connect(): Promise<void> {
    const { attempt } = await this.#turns.run(() => this.#begin());
    await attempt;
  }

  /** Ends the connection in order, within about 2 s, until a flow connects again. */
  async disconnect(): Promise<void> {
    if (this.#wanted === 'open') this.#wanted = 'parted';
    await this.pause();
  }

  /** Ends the network connection at once, without a goodbye, so that the broker publishes the will. */
  async destroy(): Promise<void> {
    this.#current.client?.destroy();
    await this.disconnect();
  }

  /** Ends the connection in order, within about 2 s, until somebody needs it again. */
  async pause(): Promise<void> {
    await this.#turns.run(async () => {
      // A client that was closed has no connection.
      if (this.#wanted !== 'closed') await this.#current.client?.disconnect();
    });
  }

  /** Another client goes on, if the connection does. @param between called when no client uses the store. Within about 2 s. */
  async replace(between: () => void): Promise<void> {
    await this.#turns.run(async () => {
      // A client that was closed uses nothing any more.
      if (this.#wanted === 'closed') return between();
      const isIdle = (this.#current.client?.state.phase ?? 'idle') === 'idle';
      await this.#current.replace(between);
      if (!isIdle) this.connectByItself();
    });
  }

  /** The next attempt to connect does not wait until the pause after the last one is over. */
  async hurry(): Promise<void> {
    await this.#turns.run(async () => {
      const { client } = this.#current;
      if (this.#wanted !== 'open' || client?.state.phase !== 'waiting') return;
      await client.disconnect();
      this.connectByItself();
    });
  }

  /** What a flow said before holds no longer: those that come next are others. */
  forget(): void {
    if (this.#wanted === 'parted') this.#wanted = 'open';
  }

  /** Ends the client for good, within about 2 s. */
  async close(unsubscribe: boolean): Promise<void> {
    this.#wanted = 'closed';
    await this.#turns.run(async () => this.#current.client?.close(unsubscribe));
  }

  async #begin(): Promise<{ attempt: Promise<void> }> {
    const client = await this.#readyClient();
    this.#wanted = 'open';
    const attempt = nextAttempt(client);
    client.connect();
    return { attempt };
  }

  /** A client with the settings of now, at rest or connected. Meanwhile the connection may have been closed for good. */
  async #readyClient(): Promise<Client> {
    this.#mustNotBeClosed();
    await this.#current.renew();
    const { client, problem } = this.#current;
    if (client === undefined) throw problem ?? closed();
    // Asked for, the next attempt does not wait until the pause after the last one is over.
    if (client.state.phase === 'waiting') await client.disconnect();
    this.#mustNotBeClosed();
    return client;
  }

  #mustNotBeClosed(): void {
    if (this.#wanted === 'closed') throw closed();
  }
}

function closed(): MqttError {
  return new MqttError('closed', 'the connection was closed');
}
