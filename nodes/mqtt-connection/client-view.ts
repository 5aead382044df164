import { EventEmitter } from 'node:events';
import type { SharedConnection } from './shared-connection.ts';

/** What other packages find where core's config node has an MQTT.js client. */
export interface ClientView {
  end(force?: unknown, ...more: unknown[]): void;
  readonly connected: boolean;
  readonly reconnecting: boolean;
}

/** What the view needs of those who hold the connection. */
export interface ClientViewOwner {
  end(force: boolean, callback: (() => void) | undefined): void;
  /** A listener of another package threw. */
  failed(error: unknown): void;
}

/**
 * The connection in the place of core's MQTT.js client: `end`, `connected`, `reconnecting`, and an emitter of `connect`
 * and `close`, until it is forgotten. Listeners to other events are accepted and hear nothing; messages come by
 * `brokerConn.subscribe`.
 */
export function clientView(
  connection: SharedConnection,
  owner: ClientViewOwner,
): { readonly view: ClientView & EventEmitter; readonly forget: () => void } {
  const emitter = new EventEmitter().setMaxListeners(0);
  const forget = forward(connection, (event) => {
    try {
      emitter.emit(event);
    } catch (error) {
      owner.failed(error);
    }
  });
  const view = Object.defineProperties(emitter, {
    end: {
      value: (force?: unknown, ...more: unknown[]) => {
        const callback = [force, ...more].find((each): each is () => void => typeof each === 'function');
        owner.end(force === true, callback);
      },
    },
    connected: { get: () => connection.state.phase === 'connected' },
    reconnecting: { get: () => connection.state.phase === 'waiting' || connection.state.phase === 'connecting' },
  }) as ClientView & EventEmitter;
  return { view, forget };
}

function forward(connection: SharedConnection, emit: (event: 'connect' | 'close') => void): () => void {
  let isUp = connection.state.phase === 'connected';
  return connection.onState(({ phase }) => {
    const wasUp = isUp;
    isUp = phase === 'connected';
    if (isUp !== wasUp) emit(isUp ? 'connect' : 'close');
  });
}
