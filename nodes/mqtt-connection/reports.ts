import type { Node } from 'node-red';
import { type MqttError, shownText } from '../../src/index.ts';
import { catchError } from './catch-error.ts';

/** How a connection talks to the person who runs it. */
export interface Reporter {
  log(text: string): void;
  warn(text: string): void;
  error(what: string | Error): void;
}

/** What a connection tells, to the log and to Catch nodes; a failure or notice that did not change is told once. */
export class Reports {
  readonly #reporter: Reporter;
  readonly #users: () => Iterable<Node>;
  /** The failure that was told last. */
  #failure = '';
  /** Where the connection is, in words. */
  #connectedTo: string | undefined;
  /** Notices of this connection, and of the one before it: what each new connection repeats is told once. */
  #notices = new Set<string>();
  #earlier = new Set<string>();

  /** @param users the flow nodes of the connection: their flows' Catch nodes hear of failures. */
  constructor(reporter: Reporter, users: () => Iterable<Node>) {
    this.#reporter = reporter;
    this.#users = users;
  }

  connected(clientId: string, server: string): void {
    this.#failure = '';
    this.#earlier = this.#notices;
    this.#notices = new Set();
    this.#connectedTo = shownText(`${clientId}@${server}`);
    this.#reporter.log(`Connected to broker: ${this.#connectedTo}`);
  }

  /** The connection is gone, if there was one. */
  parted(): void {
    if (this.#connectedTo === undefined) return;
    this.#reporter.log(`Disconnected from broker: ${this.#connectedTo}`);
    this.#connectedTo = undefined;
  }

  /** Why there is no connection. */
  failed(error: MqttError): void {
    if (error.message === this.#failure) return;
    this.#failure = error.message;
    this.#reporter.error(error.message);
    this.#catch(error);
  }

  /** What a person should know about the connection that goes on. */
  notice({ message }: MqttError): void {
    const told = this.#notices.has(message) || this.#earlier.has(message);
    this.#notices.add(message);
    if (!told) this.#reporter.warn(message);
  }

  /** Why a message of an earlier life of the connection will never be delivered: its own node may be gone. */
  lost(error: Error): void {
    this.#reporter.error(error);
    this.#catch(error);
  }

  /** Once to each flow's Catch nodes, however many nodes of it use the connection. */
  #catch(error: Error): void {
    const flows = new Set<string | undefined>();
    for (const node of this.#users()) {
      if (flows.has(node.z)) continue;
      flows.add(node.z);
      catchError(node, error, {});
    }
  }
}
