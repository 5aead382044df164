import assert from 'node:assert/strict';
import { ConnectionRefused, describeReasonCode, ServerDisconnected, SubscriptionRefused } from '../../../src/index.ts';
import { Mailbox, phase, subscribe, useBench } from '../../support/client-bench.ts';

const SLOW = { backoff: { initial: 60_000, maximum: 60_000 } } as const;

describe('refusals of the broker', () => {
  const bench = useBench();

  const CONNACK_CODES = [
    0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c,
    0x9d, 0x9f,
  ];

  for (const code of CONNACK_CODES) {
    it(`CONNECT refused with ${describeReasonCode(code)}`, async () => {
      const broker = await bench.broker();
      const client = bench.client(broker.url, { ...SLOW, username: 'ann', password: 'hush-hush' });
      client.connect();
      const peer = await broker.accept();
      await peer.handshake({ reasonCode: code, properties: { reasonString: 'because' } });
      const { cause } = await phase(client, 'waiting');
      assert.ok(cause instanceof ConnectionRefused);
      assert.equal(cause.reasonCode, code);
      assert.ok(cause.message.includes(`(${describeReasonCode(code)}: because) at ${broker.url}`), cause.message);
      assert.doesNotMatch(cause.message, /hush/);
      await peer.expectClosed();
    });
  }

  for (const [returnCode, reasonCode] of [
    [1, 0x84],
    [2, 0x85],
    [3, 0x88],
    [4, 0x86],
    [5, 0x87],
  ] as const) {
    for (const protocolVersion of [3, 4] as const) {
      it(`CONNECT refused with return code ${returnCode} (version ${protocolVersion})`, async () => {
        const broker = await bench.broker();
        const client = bench.client(broker.url, { ...SLOW, protocolVersion });
        client.connect();
        const peer = await broker.accept();
        await peer.handshake({ returnCode });
        const { cause } = await phase(client, 'waiting');
        assert.ok(cause instanceof ConnectionRefused);
        assert.equal(cause.reasonCode, reasonCode);
        await peer.expectClosed();
      });
    }
  }

  for (const code of [0x00, 0x81, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x93, 0x97, 0x98, 0x9c, 0xa0]) {
    it(`DISCONNECT with ${describeReasonCode(code)}`, async () => {
      const { client, peer } = await bench.connected(SLOW);
      peer.send({ cmd: 'disconnect', reasonCode: code });
      const { cause } = await phase(client, 'waiting');
      assert.ok(cause instanceof ServerDisconnected);
      assert.ok(cause.message.includes(describeReasonCode(code)), cause.message);
      await peer.expectClosed();
      assert.deepEqual(
        peer.received.map(({ cmd }) => cmd),
        ['connect'],
      );
    });
  }

  it('does not come back soon after a session was taken over, or a password refused', async () => {
    const waits = await Promise.all([0x8e, 0x86].map((code) => waitAfter(code)));
    assert.ok(
      waits.every((milliseconds) => milliseconds > 25_000 && milliseconds <= 60_000),
      String(waits),
    );
  });

  async function waitAfter(code: number): Promise<number> {
    const broker = await bench.broker();
    const client = bench.client(broker.url, { backoff: { initial: 1, maximum: 60_000 } });
    client.connect();
    await (await broker.accept()).handshake({ reasonCode: code === 0x86 ? code : 0 });
    if (code !== 0x86) broker.peers[0]?.send({ cmd: 'disconnect', reasonCode: code });
    return (await phase(client, 'waiting')).until - Date.now();
  }

  for (const protocolVersion of [4, 5] as const) {
    it(`each filter hears its own answer (version ${protocolVersion})`, async () => {
      const { client, peer } = await bench.connected({ protocolVersion });
      const boxes = ['a', 'b', 'c', 'd'].map((filter) => {
        const mailbox = new Mailbox();
        subscribe(client, filter, mailbox);
        return mailbox;
      });
      const { messageId = 0, subscriptions } = await peer.expect('subscribe');
      assert.deepEqual(
        subscriptions.map(({ topic }) => topic),
        ['a', 'b', 'c', 'd'],
      );
      const refusal = protocolVersion === 5 ? 0x87 : 0x80;
      peer.send({ cmd: 'suback', messageId, granted: [2, 1, refusal, 0] });
      const outcomes = [];
      for (const { outcomes: inbox } of boxes) outcomes.push(await inbox.take('no outcome'));
      assert.deepEqual(
        outcomes.map((outcome) => (outcome.granted ? outcome.qos : outcome.error.constructor)),
        [2, 1, SubscriptionRefused, 0],
      );
      const refused = outcomes[2];
      assert.ok(refused !== undefined && !refused.granted && refused.error instanceof SubscriptionRefused);
      assert.deepEqual([refused.error.filter, refused.error.reasonCode], ['c', refusal]);
      assert.equal(client.state.phase, 'connected');
    });
  }

  it('a refused subscription is asked for again on the next connection', async () => {
    const { broker, client, peer } = await bench.connected({ cleanStart: false });
    const mailbox = new Mailbox();
    subscribe(client, 'a', mailbox);
    const { messageId = 0 } = await peer.expect('subscribe');
    peer.send({ cmd: 'suback', messageId, granted: [0x97] });
    await mailbox.outcomes.take('no outcome');
    peer.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    const packet = await again.expect('subscribe');
    again.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [1] });
    assert.deepEqual(await mailbox.outcomes.take('no outcome'), { granted: true, qos: 1 });
  });

  it('an UNSUBACK of another number of filters, or a SUBACK, ends the connection', async () => {
    for (const answer of ['b0 05 0001 00 11 11', '90 04 0001 00 00']) {
      const { client, peer } = await bench.connected({ clientId: 'x' });
      const mailbox = new Mailbox();
      const subscription = subscribe(client, 'a', mailbox);
      const { messageId = 0 } = await peer.expect('subscribe');
      peer.send({ cmd: 'suback', messageId, granted: [0] });
      await mailbox.outcomes.take('no outcome');
      subscription.unsubscribe();
      const packet = await peer.expect('unsubscribe');
      peer.sendBytes(answer.replace('0001', (packet.messageId ?? 0).toString(16).padStart(4, '0')));
      assert.equal((await peer.expect('disconnect')).reasonCode, 0x82);
    }
  });

  it('a SUBACK with another number of codes ends the connection', async () => {
    const { client, peer } = await bench.connected();
    subscribe(client, 'a', new Mailbox());
    const { messageId = 0 } = await peer.expect('subscribe');
    peer.send({ cmd: 'suback', messageId, granted: [0, 0] });
    assert.equal((await peer.expect('disconnect')).reasonCode, 0x82);
  });

  it('an answer to no request is ignored', async () => {
    const { client, peer } = await bench.connected();
    peer.send({ cmd: 'suback', messageId: 99, granted: [0] });
    peer.send({ cmd: 'unsuback', messageId: 99, granted: [0] });
    await peer.expectNothing();
    assert.equal(client.state.phase, 'connected');
  });
});
