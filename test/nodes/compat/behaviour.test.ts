import assert from 'node:assert/strict';
import { settle, until } from '../../support/events.ts';
import { FakeBroker } from '../../support/fake-broker.ts';
import { deploy, type FlowNode, restartFlow, startFlow, statuses, stopFlow } from '../../support/flow.ts';
import { ca, elsewherePair, selfSignedPair, serverPair } from '../../support/certificates/certificates.ts';
import { assertHas } from '../../support/partial.ts';
import {
  agreeing,
  connected,
  CONNECTED,
  CONNECTING,
  connection,
  DISCONNECTED,
  HELPERS,
  lines,
  mqttIn,
  mqttOut,
} from '../flows.ts';

describe('5 behaviour', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await agreeing();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  it('status: connecting, connected, disconnected by the ids of Node-RED’s catalogue, on all nodes together', async () => {
    await startFlow([connection(broker.port), mqttIn(), mqttOut(), ...HELPERS]);
    await connected(broker);
    const shownSoFar = ['in', 'out'].map((id) => statuses(id));
    for (const list of shownSoFar) assert.deepEqual([...new Set(list)], [DISCONNECTED, CONNECTING, CONNECTED]);
    await deploy([connection(broker.port), mqttIn(), ...HELPERS], 'nodes');
    await until(() => statuses('in').at(-1) === CONNECTED, 'the other stays connected');
  });

  it('log: connected and disconnected, with client id and address', async () => {
    await startFlow([connection(broker.port), mqttIn(), ...HELPERS]);
    const peer = await connected(broker);
    peer.drop();
    await until(() => lines('c', 'log').length >= 2, 'two lines');
    const where = `posthorn@mqtt://127.0.0.1:${broker.port}`;
    assert.deepEqual(lines('c', 'log').slice(0, 2), [
      `Connected to broker: ${where}`,
      `Disconnected from broker: ${where}`,
    ]);
  });

  it('log: why the broker hung up, with its code and its own words', async () => {
    await startFlow([connection(broker.port, { protocolVersion: '5' }), mqttIn(), ...HELPERS]);
    const peer = await connected(broker);
    peer.send({ cmd: 'disconnect', reasonCode: 0x8b, properties: { reasonString: 'maintenance' } });
    const reason = (): string => lines('c', 'log').join();
    await until(() => /broker closed/.test(reason()), 'the reason');
    assert.match(reason(), /0x8b.*maintenance/i);
  });

  it('CONNECT of MQTT 5 always asks for response information and problem information', async () => {
    await startFlow([connection(broker.port, { protocolVersion: '5' }), mqttIn(), ...HELPERS]);
    const { properties } = await (await broker.accept()).expect('connect');
    assertHas(properties, { requestResponseInformation: true, requestProblemInformation: true });
  });

  it('one socket for all nodes of a connection; none without a node; ended when the last is removed', async () => {
    await startFlow([connection(broker.port), ...HELPERS]);
    await broker.expectNoConnection();
    await deploy([connection(broker.port), mqttIn(), mqttOut(), ...HELPERS], 'nodes');
    const peer = await connected(broker);
    await broker.expectNoConnection();
    await deploy([connection(broker.port), ...HELPERS], 'nodes');
    await peer.skipTo('disconnect');
    await peer.closed;
  });

  it('reconnects by itself, and subscribes everything again, once', async () => {
    await startFlow([connection(broker.port), mqttIn(), mqttIn({ id: 'in2', topic: 'b' }), ...HELPERS]);
    const peer = await connected(broker);
    await peer.expect('subscribe');
    peer.drop();
    const next = await connected(broker);
    const { subscriptions } = await next.expect('subscribe');
    assert.equal(subscriptions.length, 2);
    await next.expectNothing();
  });

  it('birth on every connect, after the subscriptions; close before a disconnect in order only', async () => {
    const fields = { birthTopic: 'born', birthPayload: '1', closeTopic: 'bye', closePayload: '0' };
    await startFlow([connection(broker.port, fields), mqttIn(), ...HELPERS]);
    const first = await connected(broker);
    await first.expect('subscribe');
    assert.equal((await first.expect('publish')).topic, 'born');
    first.drop();
    const second = await connected(broker);
    await second.expect('subscribe');
    assert.equal((await second.expect('publish')).topic, 'born');
    await stopFlow();
    assert.equal((await second.skipTo('publish')).topic, 'bye');
    await second.skipTo('disconnect');
    assert.equal(
      first.received.some((packet) => packet.cmd === 'publish' && packet.topic === 'bye'),
      false,
    );
  });

  for (const autoUnsubscribe of [true, false]) {
    it(`autoUnsubscribe ${autoUnsubscribe}: a stop ${autoUnsubscribe ? 'ends' : 'keeps'} what a persistent session has`, async () => {
      const session = { cleansession: false, autoUnsubscribe };
      const flow = [connection(broker.port, session), mqttIn(), mqttIn({ id: 'in2', topic: 'b' }), ...HELPERS];
      await startFlow(flow);
      const peer = await connected(broker);
      await peer.expect('subscribe');
      await settle();
      await restartFlow(flow);
      await peer.closed;
      const unsubscribed = peer.received.flatMap((packet) =>
        packet.cmd === 'unsubscribe' ? packet.unsubscriptions : [],
      );
      assert.deepEqual(unsubscribed.sort(), autoUnsubscribe ? ['a/#', 'b'] : []);
    });
  }

  it('autoUnsubscribe: a node that is removed unsubscribes, whatever it says', async () => {
    const session = { cleansession: false, autoUnsubscribe: false };
    await startFlow([connection(broker.port, session), mqttIn(), mqttIn({ id: 'in2', topic: 'b' }), ...HELPERS]);
    const peer = await connected(broker);
    await deploy([connection(broker.port, session), mqttIn(), ...HELPERS], 'nodes');
    assert.deepEqual((await peer.skipTo('unsubscribe')).unsubscriptions, ['b']);
  });

  it('autoUnsubscribe false: a filter that a full deploy changed is unsubscribed, though its client is another', async () => {
    const keeping = await agreeing({ connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0 }) });
    try {
      const flow = (topic: string): FlowNode[] => [
        connection(keeping.port, { cleansession: false, autoUnsubscribe: false }),
        mqttIn({ topic }),
        ...HELPERS,
      ];
      await startFlow(flow('old'));
      const first = await connected(keeping);
      await first.expect('subscribe');
      await settle();
      await restartFlow(flow('new'));
      const second = await connected(keeping);
      assert.deepEqual((await second.skipTo('unsubscribe')).unsubscriptions, ['old']);
    } finally {
      await stopFlow();
      await keeping.close();
    }
  });

  describe('tls-config', () => {
    const TLS = { id: 'tls', type: 'tls-config', name: '', cert: '', key: '', ca: '', verifyservercert: true };
    const secure = { usetls: true, tls: 'tls' };

    async function listen(tls: object): Promise<void> {
      await broker.close();
      broker = await FakeBroker.listen({ tls, autoRespond: {} });
    }

    it('its CA is trusted, and its servername and ALPN protocol are sent', async () => {
      await listen({ ...serverPair, ALPNProtocols: ['mqtt'] });
      const config = { ...TLS, servername: 'localhost', alpnprotocol: 'mqtt' };
      await startFlow([config, connection(broker.port, secure), mqttIn(), ...HELPERS], { tls: { cadata: ca } });
      const peer = await connected(broker);
      assertHas(peer.socket, {
        alpnProtocol: 'mqtt',
        servername: 'localhost',
      });
    });

    it('its tick decides alone whether the certificate is verified', async () => {
      await listen(selfSignedPair);
      const config = { ...TLS, verifyservercert: false };
      await startFlow([config, connection(broker.port, { ...secure, verifyCertificate: true }), mqttIn(), ...HELPERS]);
      await until(() => statuses('in').at(-1) === 'yellow dot connected, TLS not verified', 'the status says so');
    });

    for (const [what, files] of [
      ['a certificate file that is not there', { cert: '/nowhere/cert.pem', key: '/nowhere/key.pem' }],
      ['a CA file that is not there', { ca: '/nowhere/ca.pem' }],
      ['a certificate without its key', { cert: '/nowhere/cert.pem' }],
    ] as const) {
      it(`${what} is an error, and nothing is connected`, async () => {
        await listen(serverPair);
        await startFlow([{ ...TLS, ...files }, connection(broker.port, secure), mqttIn(), ...HELPERS]);
        assert.match(lines('c', 'log').join(), /could not be loaded/);
        assert.equal(statuses('in').at(-1), 'red ring TLS: failed');
        await broker.expectNoConnection();
      });
    }

    it('a CA that is none is an error', async () => {
      await listen(serverPair);
      await startFlow([TLS, connection(broker.port, secure), mqttIn(), ...HELPERS], { tls: { cadata: 'not a PEM' } });
      await until(() => statuses('in').at(-1)?.startsWith('red ring') === true, 'an error');
      assert.equal(broker.peers.length, 0);
    });

    it('one that was deleted is an error, not a way without it', async () => {
      await listen(serverPair);
      await startFlow([connection(broker.port, { ...secure, verifyCertificate: false }), mqttIn(), ...HELPERS]);
      assert.match(lines('c', 'log').join(), /the TLS configuration tls is missing/);
      await broker.expectNoConnection();
    });

    for (const [what, fields] of [
      ['usetls without a tls-config', { usetls: true }],
      ['mqtts://', { broker: 'mqtts://127.0.0.1:PORT' }],
      ['verifyservercert false as core stores it', { usetls: true, verifyservercert: false }],
    ] as const) {
      it(`${what}: verified against the system’s authorities`, async () => {
        await listen(selfSignedPair);
        const given = JSON.parse(JSON.stringify(fields).replace('PORT', String(broker.port))) as object;
        await startFlow([connection(broker.port, given), mqttIn(), ...HELPERS]);
        await until(() => statuses('in').at(-1) === 'red ring TLS: self-signed certificate', 'refused');
        assert.equal(broker.peers.length, 0);
      });
    }

    it('a certificate of another host is refused', async () => {
      await listen(elsewherePair);
      await startFlow([TLS, connection(broker.port, secure), mqttIn(), ...HELPERS], { tls: { cadata: ca } });
      await until(() => statuses('in').at(-1) === 'red ring TLS: certificate of another host', 'refused');
    });

    for (const verifyCertificate of [false, 'false']) {
      it(`verifyCertificate ${JSON.stringify(verifyCertificate)}: a person’s choice, and the status says so`, async () => {
        await listen(selfSignedPair);
        await startFlow([connection(broker.port, { usetls: true, verifyCertificate }), mqttIn(), ...HELPERS]);
        await until(() => statuses('in').at(-1) === 'yellow dot connected, TLS not verified', 'the status');
      });
    }
  });

  it('a password alone, with a broker that refuses MQTT 5: automatic says that 3.1.1 needs a user name', async () => {
    await broker.close();
    broker = await agreeing({
      connect: () => ({ cmd: 'connack', sessionPresent: false, reasonCode: 0x84, returnCode: 1 }),
    });
    const flow = [connection(broker.port, { protocolVersion: 'auto' }), mqttIn(), ...HELPERS];
    await startFlow(flow, { c: { password: 'token' } });
    await until(() => lines('c', 'log').length > 0, 'the reason');
    assert.match(lines('c', 'log').join(), /user ?name/i);
  });
});
