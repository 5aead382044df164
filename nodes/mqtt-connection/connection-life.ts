import { isDeepStrictEqual } from 'node:util';
import type { Node } from 'node-red';
import type { ConnectionSettings, Essence } from './connection-settings.ts';
import type { FlowListener } from './flow-events.ts';
import { SharedConnection } from './shared-connection.ts';
import type { Opened } from './session-stores.ts';
import type { Voice } from './voice.ts';

/** What a connection needs of its surroundings. */
export interface LifeParts {
  readonly settings: ConnectionSettings;
  readonly essence: Essence | undefined;
  readonly voice: Voice;
  readonly session: Opened;
  /** What has to be over first: the end of the connection that it replaces. */
  readonly before: Promise<void> | undefined;
  /** Tells a listener of the deploys; returns what ends that. */
  readonly onFlows: (listener: Partial<FlowListener>) => () => void;
  /** The session is not used any more. @param removed its node is gone for good. Resolves when everybody was told. */
  readonly left: (removed: boolean) => Promise<void>;
}

/** A connection, from its first config node to its last: a deploy hands it from one object of the node to the next. */
export class ConnectionLife {
  readonly connection: SharedConnection;
  readonly #parts: LifeParts;
  readonly #unheard: () => void;

  constructor(parts: LifeParts) {
    const { settings, voice, session, before, onFlows } = parts;
    this.#parts = parts;
    const isOpen = before === undefined && session.store !== undefined;
    const opening = isOpen ? undefined : Promise.all([before, session.opening]);
    const connection = new SharedConnection(settings, voice, opening);
    this.connection = connection;
    this.#unheard = onFlows({
      stopping: () => connection.flowsStopping(),
      starting: () => connection.flowsStarting(),
      started: () => connection.flowsStarted(),
      unstarted: () => connection.flowsUnstarted(),
    });
  }

  /** Whether it is what a node with these settings would make anew, and no message has given it others. */
  isFor(essence: Essence | undefined): boolean {
    const { settings, essence: own } = this.#parts;
    return own !== undefined && settings.isAsStored && isDeepStrictEqual(own, essence);
  }

  /** It goes on with this node. */
  handTo(node: Node): void {
    this.#parts.voice.by(node);
    this.connection.handedOver();
  }

  /** Ends it for good, within about 5 s whatever broker and disk do, or 10 where its session is not open yet. @param removed its node is gone for good. */
  async end(removed: boolean): Promise<void> {
    this.#unheard();
    await this.connection.close();
    await this.#parts.left(removed);
    await this.connection.told();
    this.#parts.voice.end();
  }
}
