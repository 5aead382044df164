import assert from 'node:assert/strict';
import { until } from '../../support/events.ts';
import { FakeBroker } from '../../support/fake-broker.ts';
import { startFlow, statuses, stopFlow } from '../../support/flow.ts';
import { ca, serverPair } from '../../support/certificates/certificates.ts';
import { freePort } from '../../support/ports.ts';
import { connected, connection, lines, mqttIn, HELPERS } from '../flows.ts';
import { ProxyServer } from './proxy-server.ts';

const NAMES = ['http_proxy', 'https_proxy', 'ws_proxy', 'wss_proxy', 'all_proxy', 'no_proxy'];

describe('HTTP(S) proxy from the environment for WebSockets', () => {
  let before: Record<string, string | undefined>;
  let broker: FakeBroker;
  let proxy: ProxyServer;

  beforeEach(async () => {
    const all = NAMES.flatMap((name) => [name, name.toUpperCase()]);
    before = Object.fromEntries(all.map((name) => [name, process.env[name]]));
    for (const name of all) delete process.env[name];
    proxy = await ProxyServer.listen();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
    await proxy.close();
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  it('http_proxy: a ws connection goes through it, with its user name and password', async () => {
    broker = await FakeBroker.listen({ webSocket: true, autoRespond: {} });
    process.env['http_proxy'] = `http://ann:secret@127.0.0.1:${proxy.port}`;
    await startFlow([connection(broker.port, { broker: `${broker.url}/mqtt` }), mqttIn(), ...HELPERS]);
    await connected(broker);
    const authorization = `Basic ${Buffer.from('ann:secret').toString('base64')}`;
    assert.deepEqual(proxy.requests, [{ target: `127.0.0.1:${broker.port}`, authorization }]);
  });

  it('https_proxy: a wss connection goes through it, and verifies the broker’s certificate all the same', async () => {
    broker = await FakeBroker.listen({ webSocket: true, tls: serverPair, autoRespond: {} });
    process.env['https_proxy'] = `http://127.0.0.1:${proxy.port}`;
    await startFlow([connection(broker.port, { broker: broker.url }), mqttIn(), ...HELPERS]);
    await until(() => statuses('in').at(-1)?.startsWith('red ring TLS: ') === true, 'refused');
    assert.equal(proxy.requests[0]?.target, `127.0.0.1:${broker.port}`);
    assert.equal(broker.peers.length, 0);
    await stopFlow();

    const tls = { id: 'tls', type: 'tls-config', name: '', cert: '', key: '', ca: '', verifyservercert: true };
    const flow = [tls, connection(broker.port, { broker: broker.url, usetls: true, tls: 'tls' }), mqttIn(), ...HELPERS];
    await startFlow(flow, { tls: { cadata: ca } });
    await connected(broker);
  });

  it('no_proxy: a host in it is connected straight', async () => {
    broker = await FakeBroker.listen({ webSocket: true, autoRespond: {} });
    process.env['http_proxy'] = `http://127.0.0.1:${proxy.port}`;
    process.env['no_proxy'] = '127.0.0.1';
    await startFlow([connection(broker.port, { broker: broker.url }), mqttIn(), ...HELPERS]);
    await connected(broker);
    assert.deepEqual(proxy.requests, []);
  });

  it('mqtt:// never goes through a proxy', async () => {
    broker = await FakeBroker.listen({ autoRespond: {} });
    process.env['all_proxy'] = `http://127.0.0.1:${proxy.port}`;
    await startFlow([connection(broker.port), mqttIn(), ...HELPERS]);
    await connected(broker);
    assert.deepEqual(proxy.requests, []);
  });

  it('a proxy that refuses, or is away, is the reason, and its password is not told', async () => {
    broker = await FakeBroker.listen({ webSocket: true, autoRespond: {} });
    const refusing = await ProxyServer.listen(407);
    process.env['http_proxy'] = `http://ann:secret@127.0.0.1:${refusing.port}`;
    await startFlow([connection(broker.port, { broker: broker.url }), mqttIn(), ...HELPERS]);
    await until(() => lines('c', 'log', 'error').length > 0, 'an error');
    assert.match(lines('c', 'log', 'error').join(), /407/);
    assert.doesNotMatch(lines('c', 'log', 'error').join(), /secret/);
    await refusing.close();

    await stopFlow();
    process.env['http_proxy'] = `http://ann:secret@127.0.0.1:${await freePort()}`;
    await startFlow([connection(broker.port, { broker: broker.url }), mqttIn(), ...HELPERS]);
    await until(() => statuses('in').at(-1) === 'red ring connection refused', 'the reason');
    assert.doesNotMatch(lines('c', 'log', 'error').join(), /secret/);
  });
});
