import { spokenIn } from '../connection/first-bytes.ts';
import { PacketWriter } from '../codec/packet-writer.ts';
import { ConnectUnanswered, MqttError, NotMqtt, NotTls, systemCodeOf, TlsUnanswered } from '../protocol/errors.ts';
import type { Dial, DialOptions } from '../transport/dial.ts';
import { dialWithin } from '../transport/dial-within.ts';
import { describeServer, type ServerAddress } from '../transport/server.ts';
import type { Transport } from '../transport/transport.ts';
import type { Chunk } from '../util/chunk.ts';
import type { Clock } from '../util/clock.ts';
import { deferred } from '../util/deferred.ts';
import type { Listener, Stage } from './report.ts';

/** CONNACK in the upper four bits of the first byte (2.1.2). */
const CONNACK = 2;

/** Milliseconds for each look. */
const LONGEST_LOOK = 3000;

const NO_SUBPROTOCOL = { subprotocol: '', maximumMessageSize: 1024 };

/** What it takes to look. */
export interface Eyes {
  readonly dial: Dial;
  readonly clock: Clock;
  /** Nobody's, and not that of the attempt: nothing is taken over. */
  readonly clientId: string;
}

/**
 * What listens on a port at which an attempt failed, where the failure leaves that open. Another connection is made to
 * it, and told nothing: neither a login nor anything else that was entered. Never rejects; undefined: it cannot be told.
 */
export async function secondLook(
  server: ServerAddress,
  stage: Stage,
  error: MqttError,
  eyes: Eyes,
  signal: AbortSignal,
): Promise<Listener | undefined> {
  if (error instanceof NotMqtt) return error.spoken;
  if (server.scheme === 'mqtt') return isSilence(stage, error) ? await asTls(server, eyes, signal) : undefined;
  if (!mayBeAnotherProtocol(stage, error)) return undefined;
  const found = await asMqtt(server, eyes, signal);
  return found ?? (server.scheme === 'ws' ? asTls(server, eyes, signal) : undefined);
}

/** The peer took the CONNECT and said nothing. */
function isSilence(stage: Stage, error: MqttError): boolean {
  return stage === 'mqtt' && (error instanceof ConnectUnanswered || error.code === 'handshake-timeout');
}

/** It did not speak TLS, or not HTTP. */
function mayBeAnotherProtocol(stage: Stage, error: MqttError): boolean {
  if (error instanceof NotTls || error instanceof TlsUnanswered) return true;
  if (stage !== 'secure' && stage !== 'upgrade') return false;
  // It took too long, as with a broker that waits for the end of what it takes for a packet.
  if (error.code === 'unreachable' && error.cause === undefined) return true;
  return systemCodeOf(error.cause) === 'ECONNRESET' || systemCodeOf(error.cause).startsWith('HPE_');
}

/** Says CONNECT without TLS, and looks at the first bytes that come. */
async function asMqtt(server: ServerAddress, eyes: Eyes, signal: AbortSignal): Promise<Listener | undefined> {
  const transport = await opened({ ...server, scheme: 'mqtt' }, { ...NO_SUBPROTOCOL, tls: {} }, eyes, signal);
  if (transport === undefined) return undefined;
  const first = await firstBytes(transport, connect(eyes.clientId), eyes.clock, signal);
  return (first[0] ?? 0) >> 4 === CONNACK ? 'mqtt' : spokenIn(first);
}

/** Begins TLS, with whoever it is, and says nothing in it. */
async function asTls(server: ServerAddress, eyes: Eyes, signal: AbortSignal): Promise<Listener | undefined> {
  let isTls = false;
  const watch = ({ kind }: { kind: string }): void => {
    if (kind === 'certificate' || kind === 'secured') isTls = true;
  };
  const options = { ...NO_SUBPROTOCOL, tls: { rejectUnauthorized: false }, watch };
  const transport = await opened({ ...server, scheme: 'mqtts' }, options, eyes, signal);
  transport?.destroy();
  return isTls || transport !== undefined ? 'tls' : undefined;
}

async function opened(
  server: ServerAddress,
  options: DialOptions,
  { dial, clock }: Eyes,
  signal: AbortSignal,
): Promise<Transport | undefined> {
  const late = new MqttError('unreachable', `${describeServer(server)} did not answer`);
  try {
    return await dialWithin(server, options, { dial, clock, timeout: LONGEST_LOOK, late }, signal);
  } catch {
    // It is a look: why it saw nothing is of no use to anybody.
    return undefined;
  }
}

/** MQTT 3.1.1, which every Server takes, or refuses in words. */
function connect(clientId: string): readonly Chunk[] {
  const writer = new PacketWriter(4);
  writer.control({ cmd: 'connect', protocolVersion: 4, clientId, cleanStart: true, keepAlive: 10 });
  return writer.take();
}

/** What the peer says first, at least two bytes of it; empty: nothing in time. */
function firstBytes(transport: Transport, words: readonly Chunk[], clock: Clock, signal: AbortSignal): Promise<Buffer> {
  const { promise, resolve } = deferred<Buffer>();
  let heard = Buffer.alloc(0);
  const finish = (): void => resolve(heard);
  const timer = clock.timer(LONGEST_LOOK, finish);
  signal.addEventListener('abort', finish, { once: true });
  transport.start({
    data(chunk) {
      heard = Buffer.concat([heard, chunk.subarray(0, 64)]);
      if (heard.length > 1) finish();
    },
    drain: () => undefined,
    progress: () => undefined,
    closed: finish,
  });
  transport.write(words);
  return promise.finally(() => {
    timer.cancel();
    signal.removeEventListener('abort', finish);
    transport.destroy();
  });
}
