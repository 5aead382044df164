import type { Node } from 'node-red';
import { type MqttError, shownText } from '../../src/index.ts';
import { englishOf } from '../failures/english.ts';
import { failureId } from '../failures/failure-id.ts';
import { catchError } from './catch-error.ts';
import { Repeats } from './repeats.ts';

/** Failures, and notices, that are remembered as told; and milliseconds after which a notice that goes on is told again. */
const MOST_REMEMBERED = 100;
const LONGEST_SILENCE = 3_600_000;

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
  /** Failures that were told since there was a connection: two of them may take turns for as long as the broker is away. */
  readonly #failures = new Set<string>();
  /** Where the connection is, in words. */
  #connectedTo: string | undefined;
  /** Notices of this connection, and of the one before it: what each new connection repeats is told once. */
  #notices = new Set<string>();
  #earlier = new Set<string>();
  /** A publisher may cause a notice with each of its messages. */
  readonly #repeats: Repeats;

  /** @param users the flow nodes of the connection: their flows' Catch nodes hear of failures. */
  constructor(reporter: Reporter, users: () => Iterable<Node>) {
    this.#reporter = reporter;
    this.#users = users;
    this.#repeats = new Repeats((text) => reporter.warn(text), LONGEST_SILENCE);
  }

  connected(clientId: string, server: string): void {
    this.#repeats.end();
    this.#failures.clear();
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

  /** Why there is no connection, and what to do. */
  failed(error: MqttError): void {
    if (this.#failures.has(error.message) || this.#failures.size >= MOST_REMEMBERED) return;
    this.#failures.add(error.message);
    const line = `${error.message}. ${englishOf(failureId(error)).doThis}`;
    // The debug sidebar shows every line of an error: whoever has it from a Catch node there would see it twice.
    if (this.#catch(error)) this.#reporter.log(line);
    else this.#reporter.error(line);
  }

  /** Other flows listen from now on: what fails is told anew. */
  forget(): void {
    this.#failures.clear();
  }

  /** What a person should know about the connection that goes on. */
  notice({ code, message }: MqttError): void {
    const told = this.#notices.has(message) || this.#earlier.has(message);
    if (this.#notices.size < MOST_REMEMBERED) this.#notices.add(message);
    if (told) return;
    if (this.#repeats.isFirst(code)) this.#reporter.warn(message);
    else this.#repeats.count(code, message);
  }

  /** The connection is closed for good. */
  end(): void {
    this.#repeats.end();
  }

  /** No node uses the connection any more, and so none shows that messages wait. */
  unused(waiting: number, isUp: boolean): void {
    const messages = waiting === 1 ? '1 message waits' : `${waiting} messages wait`;
    const until = isUp ? 'it stays until the broker has them' : 'they are sent when a node connects it again';
    this.#reporter.warn(`${messages}, and no node uses this connection any more: ${until}`);
  }

  /** Why a message of an earlier life of the connection will never be delivered: its own node may be gone. */
  lost(error: Error): void {
    this.#reporter.error(error);
    this.#catch(error);
  }

  /**
   * Once to each flow's Catch nodes, however many nodes of it use the connection.
   * @returns whether each flow has one that took it.
   */
  #catch(error: Error): boolean {
    const caught = firstOfEachFlow(this.#users()).map((node) => catchError(node, error, {}));
    return caught.length > 0 && caught.every((each) => each);
  }
}

function firstOfEachFlow(nodes: Iterable<Node>): Node[] {
  const first = new Map<string | undefined, Node>();
  for (const node of nodes) if (!first.has(node.z)) first.set(node.z, node);
  return [...first.values()];
}
