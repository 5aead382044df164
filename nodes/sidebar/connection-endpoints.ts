import type { NodeAPI } from 'node-red';
import { type ConnectionEntry, CONNECTIONS_PATH, type ConnectionsAnswer } from '../common/sidebar-answers.ts';
import { connectionLabel, type LabelledConnection } from '../common/connection-label.ts';
import { numbersOf } from '../mqtt-connection/connection-numbers.ts';
import type { LiveConnection, LiveConnections } from '../mqtt-connection/live-connections.ts';
import { permitted, type Request, type Response } from '../mqtt-connection/permitted.ts';

/** Connections in one answer. */
const MOST_CONNECTIONS = 200;

/** Milliseconds between two PINGREQs of a connection that somebody looks at, for its round-trip time. */
const MEASURED_EVERY = 5000;

/** What the sidebar shows of the connections, and what it does with them; each with the rights of who asks. */
export function serveConnections(RED: NodeAPI, live: LiveConnections): void {
  const { httpAdmin, auth } = RED;
  const measuring = new Measuring();
  httpAdmin.get(`/${CONNECTIONS_PATH}`, permitted(auth, 'mqtt-connection.read'), (_request, response) => {
    const all = live.all;
    const shown = all.slice(0, MOST_CONNECTIONS);
    measuring.look(shown, performance.now());
    const answer: ConnectionsAnswer = {
      now: Date.now(),
      connections: shown.map(entryOf),
      more: all.length - shown.length,
    };
    response.json(answer);
  });
  const write = permitted(auth, 'mqtt-connection.write');
  // What becomes of it is seen in the state: an attempt may take half a minute.
  httpAdmin.post(
    `/${CONNECTIONS_PATH}/:id/connect`,
    write,
    told(live, (connection) => connection.connect()),
  );
  httpAdmin.post(
    `/${CONNECTIONS_PATH}/:id/disconnect`,
    write,
    told(live, (connection) => connection.disconnect()),
  );
}

/** Asks brokers for an answer, while somebody looks. */
class Measuring {
  #last = -Infinity;

  look(shown: readonly LiveConnection[], now: number): void {
    const isDue = now - this.#last >= MEASURED_EVERY;
    if (isDue) this.#last = now;
    for (const { connection } of shown) {
      if (isDue || connection.numbers.roundTrip === undefined) connection.measure();
    }
  }
}

function told(
  live: LiveConnections,
  act: (connection: LiveConnection['connection']) => Promise<void>,
): (request: Request, response: Response) => void {
  return ({ params }, response) => {
    const found = live.find(String(params['id']));
    if (found === undefined) return void response.status(404).type('text').send('there is no such connection');
    // A failure is the connection's own: its state, the log and the Catch nodes have it.
    act(found.connection).catch(() => undefined);
    response.json({});
  };
}

function entryOf({ id, nodeId, connection }: LiveConnection): ConnectionEntry {
  const stored = connection.settings.stored as LabelledConnection;
  return { ...numbersOf(connection), id, nodeId, label: connectionLabel(stored) };
}
