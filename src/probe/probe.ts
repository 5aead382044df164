import { connectPacket } from '../client/connect-packet.ts';
import { type ClientOptions, parseOptions, type Settings } from '../client/options.ts';
import { VersionChoice } from '../client/version-choice.ts';
import { Connection } from '../connection/connection.ts';
import type { ServerLimits } from '../connection/server-limits.ts';
import { MqttError, textOf } from '../protocol/errors.ts';
import type { ProtocolVersion } from '../protocol/packet.ts';
import { dialWithin } from '../transport/dial-within.ts';
import { describeServer } from '../transport/server.ts';
import type { Transport } from '../transport/transport.ts';
import { subprotocolOf } from '../transport/websocket.ts';
import type { Random } from '../util/clock.ts';
import { deferred } from '../util/deferred.ts';
import type { ProbeFailure, ProbeReport } from './report.ts';
import { secondLook } from './second-look.ts';
import { Trace } from './trace.ts';

/** Letters and digits, which every Server has to take, as it has 23 of them (3.1.3.1). */
const CLIENT_ID_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** How one attempt with one version went. */
interface Attempt {
  readonly trace: Trace;
  /** Why it was not accepted. */
  readonly error: MqttError | undefined;
}

/**
 * Connects to a Server once, says what it saw on the way, and disconnects. It uses a client id of its own, drawn by
 * chance, and a clean start without a will: no session is taken over, none is left, and nobody else notices. With the
 * version `auto` 3.1.1 is tried where 5 is refused. All of it takes `connectTimeout` at most, and two short looks at what
 * listens on a wrong port.
 *
 * @param options of the client that is to be; of its session, its messages and its store nothing is used.
 * @param signal ends it at once.
 * @throws {MqttError} `invalid-options`, `invalid-topic` or `invalid-message`, as a client's; or the signal's reason.
 */
export async function probe(options: ClientOptions, signal: AbortSignal): Promise<ProbeReport> {
  const settings = parseOptions(withoutSession(options));
  return new Probe(settings, signal).run();
}

class Probe {
  readonly #settings: Settings;
  readonly #signal: AbortSignal;
  readonly #server: string;
  readonly #clientId: string;
  readonly #version: VersionChoice;
  readonly #until: number;

  constructor(settings: Settings, signal: AbortSignal) {
    this.#settings = settings;
    this.#signal = signal;
    this.#server = describeServer(settings.server);
    this.#clientId = anyClientId(settings.random);
    this.#version = new VersionChoice(settings.protocolVersion);
    this.#until = settings.clock.now() + settings.connectTimeout;
  }

  async run(): Promise<ProbeReport> {
    const first = await this.#attempt();
    const firstVersion = this.#version.version;
    if (first.error === undefined || !this.#version.failed(first.error)) {
      return this.#report(first, firstVersion, undefined);
    }
    const secondVersion = this.#version.version;
    return this.#report(await this.#attempt(), secondVersion, first.error);
  }

  async #attempt(): Promise<Attempt> {
    const { server, clock } = this.#settings;
    const trace = new Trace(server, clock);
    try {
      const transport = await this.#dial(trace);
      trace.dialled();
      const limits = await this.#connect(transport);
      trace.accepted({ stage: 'mqtt', protocolVersion: this.#version.version, limits });
      return { trace, error: undefined };
    } catch (error) {
      this.#signal.throwIfAborted();
      const cause = error instanceof MqttError ? error : new MqttError('unreachable', textOf(error), { cause: error });
      return { trace, error: cause };
    }
  }

  #dial(trace: Trace): Promise<Transport> {
    const { clock, server, tls, maximumPacketSize, webSocketAgent, dial } = this.#settings;
    const seconds = this.#settings.connectTimeout / 1000;
    const late = new MqttError('unreachable', `${this.#server} did not answer within ${seconds} s`);
    const options = {
      tls,
      subprotocol: subprotocolOf(this.#version.version),
      maximumMessageSize: maximumPacketSize,
      webSocketAgent,
      watch: trace.see.bind(trace),
    };
    return dialWithin(server, options, { dial, clock, timeout: this.#left, late }, this.#signal);
  }

  /** Milliseconds. */
  get #left(): number {
    return Math.max(1, this.#until - this.#settings.clock.now());
  }

  /** Resolves when the Server has accepted, and the connection has ended in order behind that. */
  async #connect(transport: Transport): Promise<ServerLimits> {
    const { maximumPacketSize, store, clock } = this.#settings;
    const ended = deferred<MqttError>();
    let accepted: ServerLimits | undefined;
    const history = { protocolVersion: this.#version.version, clientId: this.#clientId, reconnecting: false };
    const options = {
      connect: connectPacket(this.#settings, history),
      server: this.#server,
      maximumPacketSize,
      handshakeTimeout: this.#left,
      records: store,
      clock,
    };
    const connection = new Connection(transport, options, {
      accepted(_connack, limits) {
        accepted = limits;
        connection.close(done());
      },
      packet: nothing,
      skipped: nothing,
      settled: nothing,
      drained: nothing,
      roundTrip: nothing,
      ended: ended.resolve,
    });
    const abort = (): void => connection.destroy(done());
    this.#signal.addEventListener('abort', abort, { once: true });
    connection.open();
    if (this.#signal.aborted) abort();
    const cause = await ended.promise;
    this.#signal.removeEventListener('abort', abort);
    if (accepted === undefined) throw cause;
    return accepted;
  }

  async #report(
    { trace, error }: Attempt,
    protocolVersion: ProtocolVersion,
    firstRefusal: MqttError | undefined,
  ): Promise<ProbeReport> {
    return {
      server: this.#server,
      clientId: this.#clientId,
      protocolVersion,
      firstRefusal,
      steps: trace.steps,
      failure: error === undefined ? undefined : await this.#failure(trace, error),
    };
  }

  async #failure(trace: Trace, error: MqttError): Promise<ProbeFailure> {
    const { stage, milliseconds, certificate } = trace;
    const { server, dial, clock, random } = this.#settings;
    const eyes = { dial, clock, clientId: anyClientId(random) };
    const listener = await secondLook(server, stage, error, eyes, this.#signal);
    this.#signal.throwIfAborted();
    return { stage, milliseconds, error, listener, certificate: stage === 'secure' ? certificate : undefined };
  }
}

/** Nothing of it may reach the Server, by whoever makes the options. */
function withoutSession(options: ClientOptions): ClientOptions {
  const { will: _will, birth: _birth, closing: _closing, store: _store, ...others } = options;
  const { disconnectProperties: _properties, ...rest } = others;
  // The client id is drawn for each attempt.
  return { ...rest, clientId: 'posthorn', cleanStart: true, sessionExpiryInterval: 0 };
}

function anyClientId(random: Random): string {
  const drawn = Array.from({ length: 11 }, () => CLIENT_ID_CHARACTERS[Math.floor(random() * 36)]);
  return `posthorntest${drawn.join('')}`;
}

function done(): MqttError {
  return new MqttError('closed', 'the test is over');
}

function nothing(): void {
  // Between CONNACK and DISCONNECT a Server has nothing to say to a client without a session.
}
