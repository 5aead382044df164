import assert from 'node:assert/strict';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { delivered, Mailbox, phase, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { fastClock } from '../../support/fast-clock.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';

describe('silence', () => {
  const bench = useBench();
  const SLOW = { backoff: { initial: 6_000_000, maximum: 6_000_000 } } as const;
  /** A Keep Alive of a tenth of a second, and of its own kind all other times. */
  const FAST = { keepAlive: 10, clock: fastClock(100), connectTimeout: 3_000_000 } as const;

  it('a peer that does not answer a PINGREQ is given up', async () => {
    const { client, peer } = await bench.connected({ ...FAST, ...SLOW });
    await peer.expect('pingreq');
    await peer.expectClosed();
    const { cause } = await phase(client, 'waiting');
    assert.equal(cause.code, 'keep-alive-timeout');
    assert.match(cause.message, /mqtt:\/\/127\.0\.0\.1:\d+ did not answer a PINGREQ/);
  });

  it('a peer that answers is kept', async () => {
    const { broker, client, peer } = await bench.connected({ keepAlive: 1 });
    for (let count = 0; count < 3; count += 1) {
      await peer.expect('pingreq');
      peer.send({ cmd: 'pingresp' });
    }
    assert.equal(client.state.phase, 'connected');
    assert.equal(broker.peers.length, 1);
  });

  it('a peer that stops reading is noticed, also by a client that only sends', async () => {
    const { client, peer } = await bench.connected({ ...FAST, ...SLOW });
    peer.pause();
    const timer = setInterval(() => publish(client), 100);
    try {
      const { cause } = await phase(client, 'waiting');
      assert.equal(cause.code, 'keep-alive-timeout');
    } finally {
      clearInterval(timer);
    }
  });

  it('a network that swallows everything is noticed', async () => {
    const broker = await bench.broker({ autoRespond: {} });
    const proxy = await FaultProxy.listen(broker.port);
    try {
      const client = bench.client(`mqtt://127.0.0.1:${proxy.port}`, { ...FAST, ...SLOW });
      client.connect();
      await phase(client, 'connected');
      proxy.freeze();
      assert.equal((await phase(client, 'waiting')).cause.code, 'keep-alive-timeout');
    } finally {
      await proxy.close();
    }
  });

  it('a large message over a slow network arrives, though it takes several times the Keep Alive', async () => {
    const options = { keepAlive: 10, clock: fastClock(20), connectTimeout: 600_000, ...SLOW };
    const { broker, client, peer } = await bench.connected({ ...options, outbox: { maxBytes: 100_000_000 } });
    peer.autoRespond().pause();
    const outcome = publish(client, { payload: Buffer.alloc(60_000_000), qos: 1 });
    // A read brings 2 MiB at most: so many turns take longer than a PINGREQ and the wait for its answer.
    while (outcome.times === 0 && client.state.phase === 'connected') {
      peer.resume();
      await nextTurn();
      peer.pause();
      await sleep(40);
    }
    await delivered(outcome);
    assert.equal(broker.peers.length, 1);
  });

  it('the Keep Alive of the broker counts instead of the own', async () => {
    const { peer, client } = await bench.connected({ keepAlive: 600 }, { properties: { serverKeepAlive: 1 } });
    await peer.expect('pingreq');
    peer.send({ cmd: 'pingresp' });
    await peer.expect('pingreq');
    assert.equal(client.state.phase, 'connected');
  });

  it('PINGREQ is sent although the broker takes no messages any more', async () => {
    const { client, peer } = await bench.connected({ keepAlive: 1 }, { properties: { receiveMaximum: 1 } });
    subscribe(client, 'x', new Mailbox());
    publish(client, { qos: 1 });
    publish(client, { qos: 1 });
    await peer.skipTo('pingreq');
  });

  for (const scheme of ['mqtts', 'ws', 'wss'] as const) {
    it(`a server that accepts and then says nothing is given up while dialling ${scheme}`, async () => {
      const broker = await bench.broker();
      const client = bench.client(broker.url.replace('mqtt', scheme), { connectTimeout: 100, ...SLOW });
      client.connect();
      const peer = await broker.accept();
      const { cause } = await phase(client, 'waiting');
      assert.equal(cause.code, 'unreachable');
      assert.match(cause.message, /did not answer within 0\.1 s/);
      await peer.expectClosed();
    });
  }

  it('a broker that does not answer CONNECT is given up', async () => {
    const broker = await bench.broker();
    const client = bench.client(broker.url, { connectTimeout: 100, ...SLOW });
    client.connect();
    const peer = await broker.accept();
    const { cause } = await phase(client, 'waiting');
    assert.equal(cause.code, 'handshake-timeout');
    assert.match(cause.message, /did not answer CONNECT within 0\.1 s/);
    await peer.expectClosed();
  });

  it('a CONNACK that comes byte by byte too late does not count', async () => {
    const broker = await bench.broker();
    const client = bench.client(broker.url, { connectTimeout: 100, ...SLOW });
    client.connect();
    const peer = await broker.accept();
    await peer.expect('connect');
    peer.sendBytes('20 03 00');
    const { cause } = await phase(client, 'waiting');
    assert.equal(cause.code, 'handshake-timeout');
  });
});
