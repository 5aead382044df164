import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { TestAnswer, TestRequest } from '../../nodes/common/test-answer.ts';
import { selfSignedPair } from '../support/certificates/certificates.ts';
import { until } from '../support/events.ts';
import { FakeBroker } from '../support/fake-broker.ts';
import { bearer, NodeRedProcess } from './node-red-process.ts';

const USERS = { owner: '*', tester: 'mqtt-connection.write', reader: 'read' };
const STORED = '__PWRD__';
const REQUEST: TestRequest = { id: 'c', fields: {}, tls: '', user: '', password: '' };

describe('a test of a connection, under a path and with logins', function () {
  this.timeout(60_000);
  let home: FakeBroker;
  let elsewhere: FakeBroker;
  let nodeRed: NodeRedProcess;
  const tokens = new Map<string, string>();

  before(async () => {
    home = await FakeBroker.listen({ autoRespond: {} });
    elsewhere = await FakeBroker.listen({ autoRespond: {} });
    process.env['POSTHORN_TEST_HOST'] = '127.0.0.1';
    nodeRed = await NodeRedProcess.start(undefined, { root: '/ops/', users: USERS });
    for (const name of Object.keys(USERS)) tokens.set(name, await nodeRed.logIn(name));
    const credentials = { user: 'ann', password: 'hush-hush' };
    const node = { id: 'c', type: 'mqtt-connection', broker: '127.0.0.1', port: home.port, credentials };
    await nodeRed.deploy([{ id: 'tab', type: 'tab' }, node], tokens.get('owner'));
  });

  after(async () => {
    delete process.env['POSTHORN_TEST_HOST'];
    await nodeRed?.stop();
    await home?.close();
    await elsewhere?.close();
  });

  function post(who: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    return fetch(new URL('posthorn/test', nodeRed.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(tokens.get(who)) },
      body: JSON.stringify(body),
      ...(signal !== undefined && { signal }),
    });
  }

  async function tested(more: Partial<TestRequest>, who = 'tester'): Promise<TestAnswer> {
    const response = await post(who, { ...REQUEST, ...more });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    assert.doesNotMatch(text, /hush-hush/);
    return JSON.parse(text) as TestAnswer;
  }

  const at = (broker: FakeBroker): TestRequest['fields'] => ({ broker: '127.0.0.1', port: broker.port });

  /** What the last CONNECT said. */
  function connectAt(broker: FakeBroker): { readonly username?: string; readonly password?: string } {
    const [connect] = broker.peers.at(-1)?.received ?? [];
    assert.ok(connect?.cmd === 'connect');
    const { username, password } = connect;
    return { ...(username && { username }), ...(password && { password: String(password) }) };
  }

  it('is refused with 401 and a sentence to who may not', async () => {
    for (const who of ['reader', 'a stranger']) {
      const response = await post(who, REQUEST);
      assert.deepEqual([response.status, who], [401, who]);
      assert.match(await response.text(), /^you need to be logged in, with the permission mqtt-connection\.write$/);
    }
  });

  it('is refused with 400 and a sentence where the request makes no sense', async () => {
    for (const [body, why] of [
      [[], /JSON object/],
      [{ ...REQUEST, fields: { broker: {} } }, /broker must be a text/],
      [{ ...REQUEST, password: 7 }, /password must be a text/],
    ] as const) {
      const response = await post('tester', body);
      assert.equal(response.status, 400);
      assert.match(await response.text(), why);
    }
  });

  it('uses the stored password at the server that it is for, and tells nobody', async () => {
    const answer = await tested({ fields: at(home), user: 'ann', password: STORED });
    assert.deepEqual([answer.failure, answer.password], [undefined, 'stored']);
    assert.deepEqual(connectAt(home), { username: 'ann', password: 'hush-hush' });
    assert.deepEqual(
      answer.steps.map(({ stage }) => stage),
      ['connect', 'mqtt'],
    );
  });

  it('does not take the stored password anywhere else', async () => {
    const { password } = await tested({ fields: at(elsewhere), user: 'ann', password: STORED });
    assert.equal(password, 'withheld');
    assert.deepEqual(connectAt(elsewhere), { username: 'ann' });
    await tested({ id: 'nobody', fields: at(home), user: 'ann', password: STORED });
    assert.deepEqual(connectAt(home), { username: 'ann' });
  });

  it('takes the password that was entered to where that was entered', async () => {
    const { password } = await tested({ fields: at(elsewhere), user: 'bob', password: 'mine' });
    assert.equal(password, 'entered');
    assert.deepEqual(connectAt(elsewhere), { username: 'bob', password: 'mine' });
  });

  it('reads a variable of the environment as a deploy does, for who may deploy', async () => {
    const fields = { broker: '${POSTHORN_TEST_HOST}', port: home.port };
    const { server, failure } = await tested({ fields }, 'owner');
    assert.deepEqual([server, failure], [`mqtt://127.0.0.1:${home.port}`, undefined]);
    const response = await post('tester', { ...REQUEST, fields });
    assert.equal(response.status, 401);
    assert.match(await response.text(), /the permission flows\.write$/);
  });

  it('says what is wrong with settings that make no sense, before anything is tried', async () => {
    for (const [more, why] of [
      [{ fields: { broker: 'http://x' } }, /not a broker address/],
      [{ fields: { broker: 'mqtts://127.0.0.1' }, tls: 'gone' }, /the TLS configuration gone is missing/],
      [{ fields: { ...at(home), protocolVersion: '4' }, password: 'alone' }, /a password needs a user name/],
    ] as const) {
      const { failure, steps } = await tested(more);
      assert.deepEqual([failure?.stage, steps], ['settings', []]);
      assert.match(failure?.failure.message ?? '', why);
    }
  });

  it('cuts and shows what a server says of itself', async () => {
    const secure = await FakeBroker.listen({ tls: selfSignedPair, autoRespond: {} });
    const { failure } = await tested({ fields: { broker: `mqtts://127.0.0.1:${secure.port}` } });
    assert.equal(failure?.failure.systemCode, 'DEPTH_ZERO_SELF_SIGNED_CERT');
    assert.match(failure?.certificate?.subject ?? '', /CN=Test self-signed/);
    assert.ok((failure?.certificate?.validTo ?? 0) > Date.now());
    await secure.close();
  });

  describe('of a server that says nothing', () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => {
      socket.on('error', () => undefined);
      // Or its end would wait behind what nobody reads.
      socket.resume();
      sockets.push(socket);
    });
    let fields: TestRequest['fields'] = {};

    before(async () => {
      silent.listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const address = silent.address();
      fields = { broker: '127.0.0.1', port: typeof address === 'object' ? (address?.port ?? 0) : 0 };
    });

    after(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });

    it('is one at a time for each user, and ends with its request', async () => {
      // Not by fetch, which keeps the connection.
      const body = JSON.stringify({ ...REQUEST, fields });
      const waiting = httpRequest(new URL('posthorn/test', nodeRed.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...bearer(tokens.get('tester')) },
      });
      waiting.on('error', () => undefined);
      waiting.end(body);
      await until(() => sockets.length > 0, 'the test is under way');

      const second = await post('tester', REQUEST);
      assert.equal(second.status, 409);
      assert.match(await second.text(), /another test of yours is under way/);
      assert.equal((await tested({ fields: at(home) }, 'owner')).failure, undefined);

      const [socket] = sockets;
      assert.ok(socket);
      const closed = once(socket, 'close');
      waiting.destroy();
      await closed;
      for (let status = 409; status === 409;) status = (await post('tester', { ...REQUEST, fields: at(home) })).status;
    });

    it('ends within the time of the dialog', async () => {
      const { failure } = await tested({ fields: { ...fields, connectTimeout: '1', protocolVersion: '4' } });
      assert.deepEqual([failure?.stage, failure?.failure.code], ['mqtt', 'handshake-timeout']);
    });
  });
});
