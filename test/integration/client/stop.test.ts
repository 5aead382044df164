import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { ClientClosed } from '../../../src/index.ts';
import type { Client } from '../../../src/index.ts';
import { Reception } from '../../../src/transport/reception.ts';
import { streamTransport } from '../../../src/transport/stream-transport.ts';
import { failure, FAST_BACKOFF, phase, publish, useBench } from '../../support/client-bench.ts';
import { within } from '../../support/events.ts';
import type { FakeBroker } from '../../support/fake-broker.ts';
import { freePort } from '../../support/ports.ts';

const closing = { topic: 'state', payload: 'closed', qos: 1 } as const;

/** Two seconds are promised; a machine under load gets one more. */
const BOUND_MS = 3000;

describe('the stop', () => {
  const bench = useBench();

  async function closes(client: Client): Promise<void> {
    await within(client.close(), 'close did not end', BOUND_MS);
    assert.equal(client.state.phase, 'closed');
  }

  async function begun(scheme = 'mqtt'): Promise<{ client: Client; broker: FakeBroker }> {
    const broker = await bench.broker();
    const client = bench.client(broker.url.replace('mqtt', scheme), { closing });
    client.connect();
    return { client, broker };
  }

  it('before the first connect', () => closes(bench.client('mqtt://127.0.0.1:1')));

  it('while connected', async () => {
    const { client, peer } = await bench.connected();
    await closes(client);
    await peer.expect('disconnect');
    await peer.expectClosed();
  });

  it('with a broker that does not answer the close message', async () => {
    const { client, peer } = await bench.connected({ closing });
    await closes(client);
    await peer.expect('publish');
    await peer.expect('disconnect');
  });

  it('with a broker that does not read', async () => {
    const { client, peer } = await bench.connected({ closing });
    peer.pause();
    for (let count = 0; count < 2000; count += 1) publish(client, { payload: Buffer.alloc(16_384), qos: 1 });
    await closes(client);
  });

  it('with a broker that keeps its half of the connection open', async () => {
    const { client, peer } = await bench.connected();
    peer.socket.allowHalfOpen = true;
    await closes(client);
  });

  it('while dialling', async () => {
    const { client, broker } = await begun();
    await closes(client);
    for (const peer of broker.peers) await peer.expectClosed();
  });

  for (const scheme of ['mqtts', 'ws']) {
    it(`while a silent server is dialled by ${scheme}`, async () => {
      const { client, broker } = await begun(scheme);
      const peer = await broker.accept();
      await closes(client);
      await peer.expectClosed();
    });
  }

  it('while the CONNACK is awaited', async () => {
    const { client, broker } = await begun();
    const peer = await broker.accept();
    await peer.expect('connect');
    await closes(client);
    await peer.expectClosed();
    assert.deepEqual(
      peer.received.map(({ cmd }) => cmd),
      ['connect'],
    );
  });

  it('while it waits for the next attempt', async () => {
    const client = bench.client(`mqtt://127.0.0.1:${await freePort()}`, {
      backoff: { initial: 60_000, maximum: 60_000 },
    });
    client.connect();
    await phase(client, 'waiting');
    await closes(client);
  });

  it('in the same turn in which the dial succeeds', async () => {
    const broker = await bench.broker();
    const client: Client = bench.client(broker.url, {
      dial: async () => {
        const reception = new Reception();
        const socket = connect({ port: broker.port, host: '127.0.0.1', onread: reception.onread });
        socket.on('error', () => undefined);
        void client.close(); // awaited below
        return Promise.resolve(streamTransport(socket, reception.by(socket)));
      },
    });
    client.connect();
    await closes(client);
  });

  it('twice at once', async () => {
    const { client } = await bench.connected({ closing });
    await Promise.all([closes(client), closes(client)]);
  });

  it('settles every message, and accepts no more', async () => {
    const { client } = await bench.connected();
    const outcomes = [0, 1, 2].map((qos) => publish(client, { qos: qos as 0 }));
    const closed = closes(client);
    const during = publish(client, { qos: 1 });
    await closed;
    const after = await failure(publish(client, { qos: 1 }));
    assert.ok(after instanceof ClientClosed);
    assert.deepEqual(
      [...outcomes, during].map(({ times }) => times),
      [1, 1, 1, 1],
    );
    assert.ok((await failure(during)) instanceof ClientClosed);
    assert.equal(client.waiting, 0);
  });

  it('no attempt is made after it', async () => {
    const { broker, client, peer } = await bench.connected({ backoff: FAST_BACKOFF });
    await closes(client);
    client.connect();
    await peer.expectClosed();
    await broker.expectNoConnection();
  });
});
