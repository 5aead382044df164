import assert from 'node:assert/strict';
import { Mailbox, subscribe, useBench } from '../../support/client-bench.ts';

describe('A broker that forgets DUP, and ended the connection', () => {
  const bench = useBench();

  for (const protocolVersion of [4, 5] as const) {
    it(`has a QoS 2 message delivered once, with version ${protocolVersion}`, async () => {
      const mailbox = new Mailbox();
      const options = { protocolVersion, cleanStart: false, sessionExpiryInterval: 3600 };
      const { broker, client, peer } = await bench.connected(options);
      subscribe(client, 't', mailbox);
      const { messageId = 0 } = await peer.expect('subscribe');
      peer.send({ cmd: 'suback', messageId, granted: [2] });
      const publish = { cmd: 'publish', topic: 't', qos: 2, messageId: 7, dup: false, retain: false } as const;
      peer.send({ ...publish, payload: 'one' });
      await peer.skipTo('pubrec');
      peer.reset();
      const again = await broker.accept();
      await again.handshake({ sessionPresent: true });
      again.send({ ...publish, payload: 'one' });
      await again.skipTo('pubrec');
      assert.deepEqual(mailbox.texts, ['one']);
    });
  }
});

describe('A broker that was killed, and gives the id of a QoS 2 message that it forgot to another one', () => {
  const bench = useBench();

  for (const protocolVersion of [4, 5] as const) {
    for (const qos of [1, 2] as const) {
      it(`has that one delivered, at QoS ${qos} with version ${protocolVersion}, and the connection stays`, async () => {
        const mailbox = new Mailbox();
        const options = { protocolVersion, cleanStart: false, sessionExpiryInterval: 3600 };
        const { broker, client, peer } = await bench.connected(options);
        subscribe(client, 't', mailbox);
        const { messageId = 0 } = await peer.expect('subscribe');
        peer.send({ cmd: 'suback', messageId, granted: [2] });
        const publish = { cmd: 'publish', topic: 't', messageId: 7, dup: false, retain: false } as const;
        peer.send({ ...publish, payload: 'one', qos: 2 });
        await peer.skipTo('pubrec');
        peer.reset();
        const again = await broker.accept();
        await again.handshake({ sessionPresent: true });
        again.send({ ...publish, payload: 'two', qos });
        await again.skipTo(qos === 1 ? 'puback' : 'pubrec');
        assert.deepEqual(mailbox.texts, ['one', 'two']);
      });
    }
  }
});
