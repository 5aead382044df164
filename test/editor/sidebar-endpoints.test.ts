import assert from 'node:assert/strict';
import type {
  ConnectionEntry,
  ConnectionsAnswer,
  LookAnswer,
  LookRequest,
} from '../../nodes/common/sidebar-answers.ts';
import { type AedesBroker, startAedesBroker } from '../support/aedes-broker.ts';
import { MOST_WATCHES } from '../../nodes/sidebar/topic-watches.ts';
import { bearer, NodeRedProcess } from './node-red-process.ts';

const LOOK: LookRequest = { first: 0, count: 50, open: [], close: [], search: '', selected: null, paused: false };
const USERS = { owner: '*', reader: 'read', nobody: 'flows.read', looker: ['mqtt-connection.read'] };

// In order: each step stands on the one before.
describe('what the sidebar asks of Node-RED, under a path and with logins', function () {
  this.timeout(60_000);
  let broker: AedesBroker;
  let nodeRed: NodeRedProcess;
  const tokens = new Map<string, string>();

  const flow = (more: object = {}): object[] => [
    { id: 'tab', type: 'tab', label: 'Flow' },
    { id: 'c', type: 'mqtt-connection', name: 'The house', broker: '127.0.0.1', port: broker.port, ...more },
    { id: 'out', type: 'mqtt-out', z: 'tab', x: 360, y: 80, topic: 'house/1', qos: '1', broker: 'c', wires: [] },
  ];

  before(async () => {
    broker = await startAedesBroker();
    nodeRed = await NodeRedProcess.start(undefined, { root: '/ops/', users: USERS });
    for (const name of Object.keys(USERS)) tokens.set(name, await nodeRed.logIn(name));
    await nodeRed.deploy(flow(), tokens.get('owner'));
  });

  after(async () => {
    await nodeRed?.stop();
    await broker?.close();
  });

  function request(who: string, method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(new URL(`posthorn/${path}`, nodeRed.url), {
      method,
      headers: { 'content-type': 'application/json', ...bearer(tokens.get(who)) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async function connections(): Promise<readonly ConnectionEntry[]> {
    const response = await request('reader', 'GET', 'connections');
    assert.equal(response.status, 200);
    return ((await response.json()) as ConnectionsAnswer).connections;
  }

  /** Asks again until it is as the test wants: nothing else tells from outside. */
  async function eventually<T>(ask: () => Promise<T>, isRight: (answer: T) => boolean): Promise<T> {
    for (let answer = await ask(); ; answer = await ask()) {
      if (isRight(answer)) return answer;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async function begin(filter = '#', qos = 0): Promise<string> {
    const response = await request('looker', 'POST', 'watches', { connection: 'c', filter, qos });
    assert.equal(response.status, 200, await response.clone().text());
    return ((await response.json()) as { watch: string }).watch;
  }

  /** undefined: the watch is over. */
  async function look(watch: string, more: Partial<LookRequest> = {}): Promise<LookAnswer | undefined> {
    const response = await request('looker', 'POST', `watches/${watch}/look`, { ...LOOK, ...more });
    assert.ok([200, 204].includes(response.status), String(response.status));
    return response.status === 204 ? undefined : ((await response.json()) as LookAnswer);
  }

  const isGranted = (answer: LookAnswer | undefined): boolean => answer?.state.granted !== undefined;

  it('is refused with 401 and a sentence to who may not', async () => {
    const watch = { connection: 'c', filter: '#', qos: 0 };
    for (const [who, method, path, body] of [
      ['nobody', 'GET', 'connections', undefined],
      ['a stranger', 'GET', 'connections', undefined],
      ['nobody', 'POST', 'watches', watch],
      ['nobody', 'GET', 'seen-topics/c?text=', undefined],
      ['reader', 'POST', 'connections/c/disconnect', {}],
      ['looker', 'POST', 'watches/x/publish', { topic: 'a', payload: '', qos: 0, retain: false }],
    ] as const) {
      const response = await request(who, method, path, body);
      assert.deepEqual([response.status, path], [401, path]);
      assert.match(
        await response.text(),
        /^you need to be logged in, with the permission mqtt-connection\.(read|write)$/,
      );
    }
  });

  it('are the connections, with their numbers and without a secret', async () => {
    const [first, ...others] = await eventually(connections, ([one]) => one?.state === 'connected');
    assert.deepEqual([first?.id, first?.nodeId, first?.label, others], ['c', 'c', 'The house', []]);
    assert.deepEqual([first?.server, first?.session], [`mqtt://127.0.0.1:${broker.port}`, 'new']);
    const measured = await eventually(connections, ([one]) => one?.roundTrip !== undefined);
    assert.ok((measured[0]?.roundTrip ?? -1) >= 0);
  });

  it('is to disconnect and to connect, of who may change it', async () => {
    assert.equal((await request('owner', 'POST', 'connections/c/disconnect', {})).status, 200);
    await eventually(connections, ([one]) => one?.state === 'idle');
    assert.equal((await request('owner', 'POST', 'connections/c/connect', {})).status, 200);
    await eventually(connections, ([one]) => one?.state === 'connected');
    assert.equal((await request('owner', 'POST', 'connections/nobody/connect', {})).status, 404);
  });

  it('is refused with 415 and a sentence where it may be sent by a page of another site', async () => {
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', undefined]) {
      const response = await fetch(new URL('posthorn/connections/c/disconnect', nodeRed.url), {
        method: 'POST',
        headers: { ...bearer(tokens.get('owner')), ...(type !== undefined && { 'content-type': type }) },
      });
      assert.equal(response.status, 415);
      assert.match(await response.text(), /application\/json/);
    }
    assert.equal((await connections())[0]?.state, 'connected');
  });

  it('is refused with 400 and a sentence where it makes no sense', async () => {
    const watch = await begin();
    for (const [path, body, why] of [
      ['watches', { connection: 'c', filter: 'a/#/b', qos: 0 }, /is not alone in the last level/],
      ['watches', { connection: ['c'], filter: '#', qos: 0 }, /connection must be/],
      ['watches', { connection: 'c', filter: '$share/g/a', qos: 0 }, /take messages away/],
      ['watches', [], /JSON object/],
      [`watches/${watch}/look`, { ...LOOK, count: 1e9 }, /count must be/],
      [`watches/${watch}/publish`, { topic: 'a/#', payload: '', qos: 0, retain: false }, /wildcard/],
    ] as const) {
      const response = await request('owner', 'POST', path, body);
      assert.deepEqual([response.status, path], [400, path]);
      assert.match(await response.text(), why);
    }
    assert.equal((await request('owner', 'GET', 'seen-topics/c')).status, 400);
    assert.equal((await request('owner', 'POST', 'watches', { connection: 'out', filter: '#', qos: 0 })).status, 404);
    await request('owner', 'DELETE', `watches/${watch}`);
  });

  it('are the topics of a watch, whose connection the one of the flows knows nothing of', async () => {
    const watch = await begin();
    await eventually(() => look(watch), isGranted);
    const message = { topic: 'house/<img src=x onerror=alert(1)>', payload: '21.5', qos: 1, retain: true };
    const published = await request('owner', 'POST', `watches/${watch}/publish`, message);
    assert.deepEqual([published.status, await published.json()], [200, {}]);
    await eventually(
      () => look(watch),
      (answer) => answer?.messages === 1,
    );
    const answer = await look(watch, { open: [0], selected: 1 });
    assert.deepEqual(
      answer?.rows.map(({ label, value }) => [label, value]),
      [
        ['house', undefined],
        ['<img src=x onerror=alert(1)>', '21.5'],
      ],
    );
    assert.equal(answer?.selected?.topic, message.topic);
    const [flows] = await connections();
    assert.equal(flows?.state, 'connected');
    assert.deepEqual([flows?.sent.packets, flows?.received.packets, flows?.subscriptions], [[0, 0, 0], [0, 0, 0], 0]);
    const offered = await request('reader', 'GET', 'seen-topics/c?text=HOUSE');
    assert.deepEqual(await offered.json(), { topics: [message.topic] });
    await request('looker', 'DELETE', `watches/${watch}`);
    assert.equal(await look(watch), undefined);
    const remembered = await request('reader', 'GET', 'seen-topics/c?text=house');
    assert.deepEqual(await remembered.json(), { topics: [message.topic] });
  });

  it(`are not more than ${MOST_WATCHES} watches at a time`, async () => {
    const watches: string[] = [];
    for (let count = 0; count < MOST_WATCHES; count++) watches.push(await begin(`a/${count}`));
    const response = await request('looker', 'POST', 'watches', { connection: 'c', filter: '#', qos: 0 });
    assert.deepEqual(
      [response.status, await response.text()],
      [429, `${MOST_WATCHES} watches are open, and no more can be`],
    );
    for (const watch of watches) await request('looker', 'DELETE', `watches/${watch}`);
  });

  it('goes on over a deploy that leaves the connection as it is, and ends with one that changes it', async () => {
    const watch = await begin();
    await nodeRed.deploy(flow(), tokens.get('owner'));
    assert.notEqual(await look(watch), undefined);
    await nodeRed.deploy(flow({ keepalive: '30' }), tokens.get('owner'));
    await eventually(
      () => look(watch),
      (answer) => answer === undefined,
    );
  });

  it('ends with a deploy that removes the connection', async () => {
    const watch = await eventually(begin, () => true);
    await nodeRed.deploy([{ id: 'tab', type: 'tab', label: 'Flow' }], tokens.get('owner'));
    await eventually(
      () => look(watch),
      (answer) => answer === undefined,
    );
    assert.deepEqual(await connections(), []);
  });
});
