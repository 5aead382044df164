import assert from 'node:assert/strict';
import type { TlsOptions as ServerTlsOptions } from 'node:tls';
import { failureId } from '../../../nodes/failures/failure-id.ts';
import { type Client, NotTls, type TlsOptions, TlsUnanswered } from '../../../src/index.ts';
import { ca, clientPair, elsewherePair, selfSignedPair, serverPair } from '../../support/certificates/certificates.ts';
import { delivered, phase, publish, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import type { FakeBroker } from '../../support/fake-broker.ts';

for (const [scheme, webSocket] of [
  ['mqtts', false],
  ['wss', true],
] as const) {
  describe(`TLS: ${scheme}`, () => {
    const bench = useBench();

    async function dialled(
      server: ServerTlsOptions,
      tls?: TlsOptions,
    ): Promise<{ broker: FakeBroker; client: Client }> {
      const broker = await bench.broker({ tls: server, webSocket, autoRespond: {} });
      const client = bench.client(broker.url, {
        ...(tls !== undefined && { tls }),
        backoff: { initial: 60_000, maximum: 60_000 },
      });
      client.connect();
      return { broker, client };
    }

    async function refused(
      server: ServerTlsOptions,
      tls?: TlsOptions,
    ): Promise<{ broker: FakeBroker; message: string; id: string }> {
      const { broker, client } = await dialled(server, tls);
      const { cause } = await phase(client, 'waiting');
      assert.equal(cause.code, 'tls-failed', cause.message);
      assert.equal(cause.retryable, false);
      // No connection reached the broker's MQTT side with a byte in it.
      assert.ok(broker.peers.every(({ chunks }) => chunks.length === 0));
      return { broker, message: cause.message, id: failureId(cause) };
    }

    it('a certificate that nobody vouches for is refused by default, and no byte of MQTT is sent', async () => {
      const { broker, message, id } = await refused(selfSignedPair);
      // Node.js advises by an option of its own here.
      assert.match(message, new RegExp(`TLS to ${broker.url} failed: [\\w -]+ \\(DEPTH_ZERO_SELF_SIGNED_CERT\\)$`));
      assert.equal(id, 'tls.DEPTH_ZERO_SELF_SIGNED_CERT');
    });

    it('a certificate of an unknown authority is refused', async () => {
      const { message, id } = await refused(serverPair);
      assert.match(message, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
      assert.equal(id, 'tls.UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    });

    it('a certificate for another host is refused, although its authority is known', async () => {
      const { message, id } = await refused(elsewherePair, { ca });
      assert.match(
        message,
        /the certificate is for DNS:elsewhere\.example, not for 127\.0\.0\.1 \(ERR_TLS_CERT_ALTNAME/,
      );
      assert.equal(id, 'tls.ERR_TLS_CERT_ALTNAME_INVALID');
    });

    /** A client that has begun TLS with a peer that has none. */
    async function began() {
      const broker = await bench.broker();
      const client = bench.client(broker.url.replace('mqtt', scheme), {
        backoff: { initial: 60_000, maximum: 60_000 },
      });
      client.connect();
      const peer = await broker.accept();
      await until(() => peer.chunks.length > 0, 'the client began TLS');
      return { client, peer };
    }

    it('a server without TLS is refused', async () => {
      const { client, peer } = await began();
      peer.sendBytes('20 03 00 00 00 20 03 00 00 00');
      const { cause } = await phase(client, 'waiting');
      assert.equal(cause.code, 'tls-failed', cause.message);
      assert.equal(failureId(cause), 'tls.to-plain-port');
      assert.match(cause.message, /failed: [a-z ]+ \((ERR_SSL_[A-Z_]+|EPROTO)\)$/);
    });

    if (!webSocket) {
      it('a server that hangs up on the handshake is told as one that may not speak TLS', async () => {
        const { client, peer } = await began();
        peer.drop();
        const { cause } = await phase(client, 'waiting');
        assert.ok(cause instanceof TlsUnanswered, cause.message);
        assert.deepEqual([cause.code, cause.retryable], ['tls-failed', true]);
      });
    }

    it('what answers without TLS is told as that', async () => {
      const { client, peer } = await began();
      peer.sendBytes(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
      const { cause } = await phase(client, 'waiting');
      assert.ok(cause instanceof NotTls, cause.message);
      assert.match(cause.message, /failed: what answers there does not speak it/);
    });

    it('a certificate of a given authority verifies', async () => {
      const { client } = await dialled(serverPair, { ca });
      await phase(client, 'connected');
      await delivered(publish(client, { payload: 'x', qos: 1 }));
    });

    it('a given server name is the one that counts', async () => {
      const { client } = await dialled(elsewherePair, { ca, servername: 'elsewhere.example' });
      await phase(client, 'connected');
    });

    it('verification can be turned off, and only so', async () => {
      const { client } = await dialled(selfSignedPair, { rejectUnauthorized: false });
      await phase(client, 'connected');
      await refused(selfSignedPair, { rejectUnauthorized: true });
      await refused(selfSignedPair, { rejectUnauthorized: undefined });
    });

    it('shows the client certificate', async () => {
      const server = { ...serverPair, ca, requestCert: true, rejectUnauthorized: true };
      const { client } = await dialled(server, { ca, ...clientPair });
      await phase(client, 'connected');
    });

    it('without the client certificate that the server wants there is no connection, and the reason is told', async () => {
      const server = { ...serverPair, ca, requestCert: true, rejectUnauthorized: true };
      const { client } = await dialled(server, { ca });
      const { cause } = await phase(client, 'waiting');
      assert.match(cause.message, /TLS to .* failed: .*(certificate required|handshake failure)/i);
      assert.deepEqual([cause.code, cause.retryable], ['tls-failed', false]);
      assert.match(failureId(cause), /^tls\.(client-certificate-required|handshake-refused)$/);
    });

    for (const [what, tls] of [
      ['authority', { ca: 'no certificate' }],
      ['certificate', { ca, cert: 'no certificate', key: clientPair.key }],
      ['key', { ca, cert: clientPair.cert, key: 'no key' }],
      ['pair', { ca, cert: clientPair.cert, key: serverPair.key }],
    ] as const) {
      it(`a broken ${what} is an error, not a downgrade`, async () => {
        const { broker, client } = await dialled(serverPair, tls);
        const { cause } = await phase(client, 'waiting');
        assert.equal(cause.code, 'tls-failed', `${cause.message} ${String(cause.cause)}`);
        // OpenSSL reads past what is no certificate.
        const id = what === 'authority' ? 'tls.UNABLE_TO_VERIFY_LEAF_SIGNATURE' : 'tls.key-unusable';
        assert.equal(failureId(cause), id, cause.message);
        assert.equal(broker.peers.length, 0);
      });
    }
  });
}
