import { Connection, type SessionPacket, type SkippedMessage } from '../connection/connection.ts';
import type { ServerLimits } from '../connection/server-limits.ts';
import { ConnectionRefused, MqttError, PacketTooLarge } from '../protocol/errors.ts';
import type { ConnackPacket, ControlPacket, ProtocolVersion } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import type { NextPacket, Outgoing } from '../session/outgoing.ts';
import { type PendingRequest, Requests } from '../session/requests.ts';
import type { Session } from '../session/session.ts';
import { describeServer } from '../transport/server.ts';
import type { Transport } from '../transport/transport.ts';
import { sleep, type Timer } from '../util/clock.ts';
import { type Deferred, deferred } from '../util/deferred.ts';
import { Backoff } from './backoff.ts';
import { connectPacket } from './connect-packet.ts';
import { parseMessage } from './message.ts';
import type { Settings } from './options.ts';
import { publishPacket, whyNotAllowed } from './outgoing-publish.ts';
import type { ClientState } from './state.ts';
import type { SubscriptionLink, Subscriptions } from './subscriptions.ts';

/** QoS 1 and 2 messages in flight before MQTT 5, which has no Receive Maximum: what brokers commonly buffer. */
const INFLIGHT_BEFORE_MQTT5 = 20;

/** Milliseconds that the close message may take to be acknowledged. */
const CLOSING_TIMEOUT = 500;

/** Milliseconds for which a session's messages that no node takes wait for one: flows subscribe while they start. */
const HOLD_TIME = 10_000;

/** What is known only while a connection is up. */
interface Link {
  readonly connection: Connection;
  readonly limits: ServerLimits;
  readonly connack: ConnackPacket;
  readonly protocolVersion: ProtocolVersion;
}

/**
 * The loop: dial, handshake, run, wait, until it is told to stop. It joins connection, session and subscriptions,
 * and is the only writer of the state.
 */
export class Lifecycle {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #subscriptions: Subscriptions;
  readonly #changed: (state: ClientState) => void;
  readonly #requests = new Requests();
  readonly #backoff: Backoff;
  readonly #server: string;
  #state: ClientState = { phase: 'idle' };
  #link: Link | undefined;
  #stop: AbortController | undefined;
  #stopping: Promise<void> | undefined;
  #loop: Promise<void> = Promise.resolve();
  #pumpScheduled = false;
  #holdTimer: Timer | undefined;

  // What one connection teaches the next.
  #clientId: string;
  #version: ProtocolVersion;
  #reconnecting = false;

  constructor(
    settings: Settings,
    session: Session,
    subscriptions: Subscriptions,
    changed: (state: ClientState) => void,
  ) {
    this.#settings = settings;
    this.#session = session;
    this.#subscriptions = subscriptions;
    this.#changed = changed;
    this.#backoff = new Backoff(settings.backoff, settings.random);
    this.#server = describeServer(settings.server);
    this.#clientId = settings.clientId;
    this.#version = settings.protocolVersion === 'auto' ? 5 : settings.protocolVersion;
  }

  get state(): ClientState {
    return this.#state;
  }

  get connack(): ConnackPacket | undefined {
    return this.#link?.connack;
  }

  /** The version of the connection, or of the next attempt. */
  get protocolVersion(): ProtocolVersion {
    return this.#version;
  }

  get clientId(): string {
    return this.#clientId;
  }

  /** Begins the loop, unless it runs. */
  start(): void {
    if (this.#stop !== undefined || this.#state.phase === 'closed') return;
    const stop = new AbortController();
    this.#stop = stop;
    // `#run` never rejects: every failure of an attempt is a state.
    this.#loop = this.#run(stop.signal);
  }

  /** Ends the loop at once, a connection in order; resolves when nothing of it is left, within about 2 s. */
  async stop(last: 'idle' | 'closed'): Promise<void> {
    this.#stopping ??= this.#endLoop();
    await this.#stopping;
    this.#stopping = undefined;
    // `closed` is final, whatever else was asked for meanwhile.
    if (this.#state.phase !== 'closed') this.#enter({ phase: last });
  }

  async #endLoop(): Promise<void> {
    if (this.#stop === undefined) return;
    // What can leave now goes before the close message.
    this.#pump();
    this.#enter({ phase: 'closing' });
    await this.#sayGoodbye();
    this.#stop.abort();
    this.#link?.connection.close(closed(), ReasonCode.Success, this.#settings.disconnectProperties);
    await this.#loop;
    this.#stop = undefined;
  }

  /** Ends the connection at once, without DISCONNECT; the loop goes on or stops as it was told. */
  destroy(): void {
    this.#link?.connection.destroy(closed());
  }

  /** For a while messages that nobody takes wait for receivers that may still come, as during a deploy. */
  hold(): void {
    if (this.#link === undefined) return;
    this.#holdTimer?.cancel();
    this.#session.incoming.hold();
    this.#holdTimer = this.#settings.clock.timer(HOLD_TIME, () => {
      this.#session.incoming.letGo();
      this.#pump();
    });
  }

  /** Something can be sent: within this turn of the event loop, in one write with whatever else comes up. */
  wake(): void {
    if (this.#pumpScheduled || this.#link === undefined) return;
    this.#pumpScheduled = true;
    this.#settings.clock.afterIo(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      this.#enter({ phase: 'connecting', server: this.#server, attempt, cause: causeOf(this.#state) });
      const startedAt = this.#settings.clock.now();
      const cause = await this.#connect(signal);
      if (signal.aborted) return;
      if (this.#reachedAnotherVersion(cause)) continue;
      this.#backoff.held(this.#settings.clock.now() - startedAt);
      if (this.#backoff.failures === 0) attempt = 0;
      const delay = this.#backoff.next(cause.retryable);
      this.#enter({ phase: 'waiting', until: this.#settings.clock.wall() + delay, attempt, cause });
      // What was accepted for this attempt and does not wait; after the state, so that it is not accepted again.
      this.#session.dropUnsent(offline(cause));
      await sleep(this.#settings.clock, delay, signal);
    }
  }

  /** One connection, from the dial to its end; resolves with the cause of the end. */
  async #connect(signal: AbortSignal): Promise<MqttError> {
    try {
      const transport = await this.#dial(signal);
      return await this.#operate(transport, signal);
    } catch (error) {
      return error instanceof MqttError ? error : new MqttError('unreachable', String(error), { retryable: true });
    }
  }

  async #dial(signal: AbortSignal): Promise<Transport> {
    const { clock, connectTimeout, server, tls, maximumPacketSize, webSocketAgent, dial } = this.#settings;
    const attempt = new AbortController();
    const abort = (): void => attempt.abort(closed());
    signal.addEventListener('abort', abort, { once: true });
    const timeout = new MqttError('unreachable', `${this.#server} did not answer within ${connectTimeout / 1000} s`, {
      retryable: true,
    });
    const timer = clock.timer(connectTimeout, () => attempt.abort(timeout));
    const subprotocol = this.#version === 3 ? 'mqttv3.1' : 'mqtt';
    try {
      const options = { tls, subprotocol, maximumMessageSize: maximumPacketSize, webSocketAgent };
      return await dial(server, options, attempt.signal);
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    }
  }

  #operate(transport: Transport, signal: AbortSignal): Promise<MqttError> {
    const end: Deferred<MqttError> = deferred();
    const { maximumPacketSize, connectTimeout, clock } = this.#settings;
    const connect = connectPacket(this.#settings, {
      protocolVersion: this.#version,
      clientId: this.#clientId,
      reconnecting: this.#reconnecting,
    });
    const options = { connect, server: this.#server, maximumPacketSize, handshakeTimeout: connectTimeout, clock };
    const connection = new Connection(transport, options, {
      accepted: (connack, limits) => this.#accepted(connection, connack, limits),
      packet: (packet) => this.#receive(packet),
      skipped: (problem, packet) => this.#skipped(connection, problem, packet),
      settled: () => this.#pump(),
      drained: () => this.#pump(),
      ended: (cause) => {
        this.#ended(cause);
        end.resolve(cause);
      },
    });
    // A stop while the CONNACK is awaited; later `stop` ends the connection in order, before it aborts.
    const abort = (): void => connection.close(closed(), ReasonCode.Success, this.#settings.disconnectProperties);
    signal.addEventListener('abort', abort, { once: true });
    connection.open();
    // A stop in the same turn in which the dial succeeded.
    if (signal.aborted) abort();
    return end.promise.finally(() => signal.removeEventListener('abort', abort));
  }

  #accepted(connection: Connection, connack: ConnackPacket, limits: ServerLimits): void {
    this.#link = { connection, connack, limits, protocolVersion: this.#version };
    this.#clientId = limits.clientId;
    this.#reconnecting = true;
    const quota = { sendQuota: this.#sendQuota(limits), receiveMaximum: this.#settings.receiveMaximum };
    if (connack.sessionPresent || this.#mayBePresent()) {
      this.#session.resume(quota);
      this.hold();
    } else {
      this.#session.reset(quota);
    }
    this.#subscriptions.connected(connack.sessionPresent);
    if (this.#settings.birth !== undefined) this.#session.announce(parseMessage(this.#settings.birth), ignore);
    this.#enter({ phase: 'connected', server: this.#server, sessionPresent: connack.sessionPresent });
    this.#pump();
  }

  /** MQTT 3.1 has no Session Present: a PUBREL too many is harmless, one too few keeps the message from its receivers. */
  #mayBePresent(): boolean {
    return this.#version === 3 && !this.#settings.cleanStart;
  }

  #sendQuota(limits: ServerLimits): number {
    const own = this.#settings.maximumInflight ?? (this.#version === 5 ? 65_535 : INFLIGHT_BEFORE_MQTT5);
    return Math.min(limits.receiveMaximum, own);
  }

  #ended(cause: MqttError): void {
    if (this.#link === undefined) return;
    this.#link = undefined;
    this.#holdTimer?.cancel();
    for (const packetId of this.#requests.clear()) this.#session.ids.release(packetId);
    this.#subscriptions.disconnected();
    this.#session.suspend(offline(cause));
  }

  #receive(packet: SessionPacket): void {
    if (packet.cmd === 'suback' || packet.cmd === 'unsuback') {
      if (this.#requests.receive(packet)) this.#session.ids.release(packet.packetId);
      return;
    }
    this.#session.receive(packet, this.#reply);
  }

  /** Told, and acknowledged: otherwise the Server would send it for ever. */
  #skipped(connection: Connection, problem: MqttError, { qos, packetId }: SkippedMessage): void {
    this.#settings.report(problem);
    if (packetId !== undefined) connection.acknowledge(qos === 1 ? 'puback' : 'pubrec', packetId, ReasonCode.Success);
  }

  readonly #reply = (...acknowledgement: Parameters<Connection['acknowledge']>): void => {
    this.#link?.connection.acknowledge(...acknowledgement);
  };

  /** Sends as much as session, quota and socket allow, then writes it all at once. */
  #pump(): void {
    const link = this.#link;
    if (link === undefined) return;
    if (this.#subscriptions.pending) this.#subscriptions.flush(this.#subscriptionLink(link));
    const unacknowledged: Outgoing[] = [];
    const closing = this.#state.phase === 'closing';
    while (link.connection.writable) {
      const next = closing ? this.#session.nextAnnouncement() : this.#session.next(Date.now());
      if (next === undefined) break;
      this.#send(link, next, unacknowledged);
    }
    link.connection.flush();
    for (const entry of unacknowledged) this.#session.sent(entry);
  }

  #send({ connection, limits }: Link, next: NextPacket, unacknowledged: Outgoing[]): void {
    if (next.cmd === 'pubrel') return connection.acknowledge('pubrel', next.packetId, ReasonCode.Success);
    const { entry } = next;
    const problem = whyNotAllowed(entry, limits);
    if (problem !== undefined) return this.#session.fail(entry, problem);
    try {
      connection.publish(publishPacket(next));
    } catch (error) {
      if (!(error instanceof PacketTooLarge)) throw error;
      return this.#session.fail(entry, error);
    }
    if (next.packetId === undefined) unacknowledged.push(entry);
  }

  #subscriptionLink({ connection, limits, protocolVersion }: Link): SubscriptionLink {
    return {
      limits,
      mqtt5: protocolVersion === 5,
      barrier: (reached) => connection.barrier(reached),
      takePacketId: () => this.#session.ids.take(),
      send: (packet: ControlPacket & { packetId: Parameters<Requests['add']>[0] }, request: PendingRequest) => {
        try {
          connection.control(packet);
        } catch (error) {
          this.#session.ids.release(packet.packetId);
          throw error;
        }
        this.#requests.add(packet.packetId, request);
      },
    };
  }

  /** Publishes the close message and waits for it, but not for long. */
  async #sayGoodbye(): Promise<void> {
    const { closing, clock } = this.#settings;
    if (this.#link === undefined || closing === undefined) return;
    const done = deferred<void>();
    const timer = clock.timer(CLOSING_TIMEOUT, () => done.resolve());
    this.#session.announce(parseMessage(closing), () => done.resolve());
    this.#pump();
    await done.promise;
    timer.cancel();
  }

  /** `auto`: a Server that refuses MQTT 5, or hangs up on it without a word, is tried with 3.1.1, and back again. */
  #reachedAnotherVersion(cause: MqttError): boolean {
    if (this.#settings.protocolVersion !== 'auto' || this.#reconnecting) return false;
    const refused = cause instanceof ConnectionRefused && cause.reasonCode === ReasonCode.UnsupportedProtocolVersion;
    const hungUp = cause.code === 'connection-lost' || cause.code === 'malformed-packet';
    if (!refused && !hungUp) return false;
    this.#version = this.#version === 5 ? 4 : 5;
    return this.#version === 4;
  }

  #enter(state: ClientState): void {
    this.#state = state;
    this.#changed(state);
  }
}

function offline(cause: MqttError): MqttError {
  return new MqttError('offline', `not sent: ${cause.message}`, { cause, retryable: true });
}

function closed(): MqttError {
  return new MqttError('closed', 'the connection was closed');
}

function causeOf(state: ClientState): MqttError | undefined {
  return state.phase === 'waiting' ? state.cause : undefined;
}

function ignore(): void {
  // A birth message that cannot be sent shows in the connection's own failure.
}
