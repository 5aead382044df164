import type { NodeAPI } from 'node-red';
import { filled } from '../common/stored.ts';
import { numbersOf } from '../mqtt-connection/connection-numbers.ts';
import type { LiveConnection, LiveConnections } from '../mqtt-connection/live-connections.ts';
import { permitted, type Response } from '../mqtt-connection/permitted.ts';
import { expositionOf } from './exposition.ts';
import { type Health, healthOf, overallHealth, type Watched } from './health.ts';
import { metricFamilies } from './metric-families.ts';

/** Under the editor's address, as everything that is not for the public. */
const METRICS_PATH = 'posthorn/metrics';
/** Behind it the id of a connection, or nothing: all of them. */
const HEALTH_PATH = 'posthorn/health';

const OK = 200;
const UNAVAILABLE = 503;

/** Tells programs outside how the connections are: numbers for Prometheus, and whether all is well. They only look. */
export function serveMetrics(RED: NodeAPI, live: LiveConnections): void {
  const { httpAdmin, auth } = RED;
  const read = permitted(auth, 'mqtt-connection.read');
  httpAdmin.get(`/${METRICS_PATH}`, read, (_request, response, next) => {
    expositionOf(metricFamilies(live.all.map(watched)))
      .then(({ contentType, text }) => response.set('Content-Type', contentType).send(text))
      .catch(next);
  });
  httpAdmin.get(`/${HEALTH_PATH}`, read, (_request, response) => {
    const all = overallHealth(live.all.map(watched).map(healthOf));
    tell(response, all.health, all);
  });
  httpAdmin.get(`/${HEALTH_PATH}/:id`, read, ({ params }, response) => {
    const found = live.find(String(params['id']));
    if (found === undefined) return void response.status(404).type('text').send('there is no such connection');
    const health = healthOf(watched(found));
    tell(response, health.health, health);
  });
}

function tell(response: Response, health: Health, answer: object): void {
  // What is true now is not true for long.
  response.set('Cache-Control', 'no-store');
  response.status(health === 'down' ? UNAVAILABLE : OK).json(answer);
}

function watched({ id, connection }: LiveConnection): Watched {
  const numbers = numbersOf(connection);
  const { name } = connection.settings.stored as { readonly name?: unknown };
  return {
    id,
    // Its address has a login taken out, and a query, where tokens travel.
    name: filled(name) ?? numbers.server ?? '',
    numbers,
    isTrying: connection.trying && connection.users.size > 0,
    isImpossible: connection.problem !== undefined && connection.users.size > 0,
  };
}
