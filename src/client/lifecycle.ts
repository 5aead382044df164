import { Connection } from '../connection/connection.ts';
import type { ServerLimits } from '../connection/server-limits.ts';
import { ClientClosed, ConnectionRefused, MqttError, textOf } from '../protocol/errors.ts';
import type { ConnackPacket, ProtocolVersion } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import type { Session, SessionLimits } from '../session/session.ts';
import { dialWithin } from '../transport/dial-within.ts';
import { describeServer } from '../transport/server.ts';
import { subprotocolOf } from '../transport/websocket.ts';
import type { Transport } from '../transport/transport.ts';
import { sleep } from '../util/clock.ts';
import { type Deferred, deferred } from '../util/deferred.ts';
import { Backoff } from './backoff.ts';
import { connectPacket } from './connect-packet.ts';
import { HandOver } from './hand-over.ts';
import { isOfTheNetwork, mayBeAboutMessage } from './hang-up.ts';
import { Link, type LinkTerms } from './link.ts';
import { parseMessage, type PublishRequest } from './message.ts';
import { MOST_IN_FLIGHT, type Settings } from './options.ts';
import type { ClientState } from './state.ts';
import type { Subscriptions } from './subscriptions.ts';
import { VersionChoice } from './version-choice.ts';

/** QoS 1 and 2 messages in flight before MQTT 5, which says nothing of it: what brokers commonly buffer. */
const INFLIGHT_BEFORE_MQTT5 = 20;

/** Milliseconds that an orderly end waits for what is under way, and those that the close message may take of them. */
const DRAIN_TIME = 900;
const CLOSING_TIME = 400;

/** Milliseconds for the acknowledgements of what came last: they need no answer, only a turn. */
const ACKNOWLEDGING_TIME = 100;

/** What the client is told to be, whatever it is on its way to. */
type Wanted = 'connected' | 'idle' | 'closed';

/**
 * The loop: dial, handshake, run, wait, until it is told to stop. It makes the link of each connection, and is the only
 * writer of the state.
 */
export class Lifecycle {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #subscriptions: Subscriptions;
  readonly #changed: (state: ClientState) => void;
  readonly #handOver: HandOver;
  readonly #backoff: Backoff;
  readonly #version: VersionChoice;
  readonly #server: string;
  #state: ClientState = { phase: 'idle' };
  #wanted: Wanted = 'idle';
  #link: Link | undefined;
  /** Ends the loop, while it runs. */
  #stop: AbortController | undefined;
  #stopping: Promise<void> | undefined;
  #loop: Promise<void> = Promise.resolve();

  // What one connection teaches the next.
  #clientId: string;
  #reconnecting = false;
  /** The Server may have been restarted since the last connection, and have its session as it was some time before. */
  #mayBeOlder = false;
  #graceOver = false;

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
    this.#handOver = new HandOver(settings.clock, session.incoming, {
      done: () => this.#link?.pump(),
      failed: (error) => this.#failed(error),
    });
    this.#backoff = new Backoff(settings.backoff, settings.random);
    this.#version = new VersionChoice(settings.protocolVersion);
    this.#server = describeServer(settings.server);
    this.#clientId = settings.clientId;
  }

  get state(): ClientState {
    return this.#state;
  }

  /** What the Server allows, while connected. */
  get limits(): ServerLimits | undefined {
    return this.#link?.terms.limits;
  }

  /** Asks the Server for an answer, to know the round-trip time. */
  measure(): void {
    this.#link?.connection.measure();
  }

  get connack(): ConnackPacket | undefined {
    return this.#link?.terms.connack;
  }

  /** The version of the connection, or of the next attempt. */
  get protocolVersion(): ProtocolVersion {
    return this.#link?.terms.protocolVersion ?? this.#version.version;
  }

  get clientId(): string {
    return this.#clientId;
  }

  /** Begins the loop, unless it runs; while it is being ended, as soon as it has. */
  start(): void {
    if (this.#wanted === 'closed') return;
    this.#wanted = 'connected';
    if (this.#stop === undefined && this.#stopping === undefined) this.#begin();
  }

  /** Ends the loop, a connection in order; resolves when nothing of it is left, within about 2 s. */
  stop(last: 'idle' | 'closed'): Promise<void> {
    // `closed` is final, whatever else is asked for.
    if (this.#wanted !== 'closed') this.#wanted = last;
    if (this.#stopping !== undefined) return this.#stopping;
    const ended = deferred<void>();
    this.#stopping = ended.promise;
    // `#endLoop` never rejects: every failure on the way is the connection's.
    void this.#endLoop().then(ended.resolve);
    return ended.promise;
  }

  /** Ends the connection at once, without DISCONNECT; the loop goes on or stops as it was told. */
  destroy(): void {
    this.#link?.connection.destroy(closed());
  }

  /** Something can be sent: within this turn of the event loop. */
  wake(): void {
    this.#link?.wake();
  }

  /** About now: milliseconds of `Clock.now` of this turn of the event loop. */
  get turn(): number {
    return this.#link?.turn ?? this.#settings.clock.now();
  }

  /** There are new receivers: what waits for somebody is offered in a later turn, when those behind them exist. */
  offer(): void {
    this.#handOver.offer();
    this.#link?.readOrNot();
  }

  /** A deploy begins. */
  deploying(): void {
    this.#handOver.offerPending();
  }

  /** All receivers of a deploy are there. */
  deployed(): void {
    this.#handOver.deployed();
    this.wake();
  }

  #begin(): void {
    const stop = new AbortController();
    this.#stop = stop;
    // `#run` never rejects: every failure of an attempt is a state.
    this.#loop = this.#run(stop.signal);
  }

  async #endLoop(): Promise<void> {
    if (this.#stop !== undefined) {
      // What was given in this turn leaves now.
      this.#link?.pump();
      this.#enter({ phase: 'closing' });
      await this.#takeLeave();
      this.#stop.abort(closed());
      this.#link?.connection.close(closed(), ReasonCode.Success, this.#settings.disconnectProperties);
      await this.#loop;
      this.#stop = undefined;
    }
    this.#session.outgoing.dropUnsent(unsent(this.#wanted));
    this.#stopping = undefined;
    if (this.#wanted === 'connected') this.#begin();
    else this.#enter({ phase: this.#wanted });
  }

  /** What is under way arrives, then the close message leaves and is waited for, but not for long. */
  async #takeLeave(): Promise<void> {
    const { closing, clock } = this.#settings;
    const link = this.#link;
    if (link === undefined) return;
    const until = clock.now() + DRAIN_TIME;
    await link.drain(closing === undefined ? DRAIN_TIME : DRAIN_TIME - CLOSING_TIME);
    link.farewell();
    if (closing !== undefined) await this.#announceEnd(closing, link, Math.max(CLOSING_TIME, until - clock.now()));
    link.stopReading();
    await link.drain(ACKNOWLEDGING_TIME);
    link.last();
  }

  async #announceEnd(closing: PublishRequest, link: Link, milliseconds: number): Promise<void> {
    const done = deferred<void>();
    const timer = this.#settings.clock.timer(milliseconds, () => done.resolve());
    // A connection that ended meanwhile announces nothing any more.
    if (this.#link !== link) done.resolve();
    else this.#session.outgoing.announce(parseMessage(closing), () => done.resolve());
    link.pump();
    await done.promise;
    timer.cancel();
    // Acknowledgements that do not come must not keep it from being said.
    this.#session.outgoing.hurry();
    link.pump();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, numbers } = this.#settings;
    for (let attempt = 1; !signal.aborted; attempt++) {
      this.#enter({ phase: 'connecting', server: this.#server, attempt, cause: causeOf(this.#state) });
      const { cause, acceptedAt } = await this.#connect(signal);
      if (!isOfTheNetwork(cause)) this.#mayBeOlder = true;
      if (signal.aborted || this.#stopping !== undefined) return;
      if (acceptedAt === undefined) {
        if (this.#version.failed(cause)) continue;
      } else if (this.#backoff.held(clock.now() - acceptedAt)) attempt = 0;
      const delay = this.#delay(cause);
      numbers.failedToConnect(cause, clock.wall());
      this.#enter({ phase: 'waiting', until: clock.wall() + delay, attempt, cause });
      // What was accepted for this attempt and does not wait; after the state, so that it is not accepted again.
      this.#session.outgoing.dropUnsent(offline(cause));
      await sleep(clock, delay, signal);
    }
  }

  /** While a message is searched that the Server hangs up on, everything behind it waits: the attempts follow sooner. */
  #delay(cause: MqttError): number {
    const delay = this.#backoff.next(cause.retryable);
    return this.#session.outgoing.searching ? Math.min(delay, this.#settings.backoff.initial) : delay;
  }

  /** One connection, from the dial to its end; resolves with the cause of the end, and when it was accepted. */
  async #connect(signal: AbortSignal): Promise<Ended> {
    try {
      const transport = await this.#dial(signal);
      return await this.#operate(transport, signal);
    } catch (error) {
      const cause =
        error instanceof MqttError
          ? error
          : new MqttError('unreachable', textOf(error), { cause: error, retryable: true });
      return { cause, acceptedAt: undefined };
    }
  }

  async #dial(signal: AbortSignal): Promise<Transport> {
    const { clock, connectTimeout, server, tls, maximumPacketSize, webSocketAgent, dial } = this.#settings;
    const late = new MqttError('unreachable', `${this.#server} did not answer within ${connectTimeout / 1000} s`, {
      retryable: true,
    });
    const subprotocol = subprotocolOf(this.#version.version);
    const options = { tls, subprotocol, maximumMessageSize: maximumPacketSize, webSocketAgent };
    return dialWithin(server, options, { dial, clock, timeout: connectTimeout, late }, signal);
  }

  #operate(transport: Transport, signal: AbortSignal): Promise<Ended> {
    const { maximumPacketSize, connectTimeout, store, clock } = this.#settings;
    const end: Deferred<Ended> = deferred();
    const protocolVersion = this.#version.version;
    const history = { protocolVersion, clientId: this.#clientId, reconnecting: this.#reconnecting };
    const connect = connectPacket(this.#settings, history);
    const options = {
      connect,
      server: this.#server,
      maximumPacketSize,
      handshakeTimeout: connectTimeout,
      records: store,
      clock,
    };
    let acceptedAt: number | undefined;
    // From before it leaves: a process that ends meanwhile does not hear the answer either, and the next one has to know.
    const doubtful = this.#session.unanswered;
    this.#session.unanswered = true;
    const connection = new Connection(transport, options, {
      accepted: (connack, limits) => {
        acceptedAt = clock.now();
        this.#accepted(connection, { connack, limits, protocolVersion }, doubtful);
      },
      packet: (packet) => this.#link?.receive(packet),
      skipped: (problem, packet) => this.#link?.skip(problem, packet),
      settled: () => this.#link?.settled(),
      drained: () => this.#link?.pump(),
      roundTrip: (milliseconds) => this.#settings.numbers.measured(milliseconds),
      ended: (cause) => {
        // Whatever fails at the end, the loop goes on.
        end.resolve({ cause, acceptedAt });
        if (this.#link !== undefined) this.#ended(this.#link, cause);
        else if (cause instanceof ConnectionRefused) this.#session.unanswered = doubtful;
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

  /** @param doubtful whether an earlier CONNECT was not answered. */
  #accepted(connection: Connection, terms: LinkTerms, doubtful: boolean): void {
    const { clock, report, birth, numbers } = this.#settings;
    const { connack, limits, protocolVersion } = terms;
    const link = new Link(connection, terms, {
      session: this.#session,
      subscriptions: this.#subscriptions,
      handOver: this.#handOver,
      clock,
      report,
      numbers,
    });
    this.#link = link;
    numbers.accepted(clock.wall());
    this.#clientId = limits.clientId;
    this.#reconnecting = true;
    this.#version.accepted();
    this.#beginSession(connack, sessionLimits(this.#settings, limits, protocolVersion), doubtful);
    // A CONNACK that never came may have told of a new session: then this one is that, and knows no subscription.
    this.#subscriptions.connected(
      connack.sessionPresent,
      doubtful ? 'session' : this.#mayBeOlder ? 'subscriptions' : 'none',
    );
    this.#mayBeOlder = false;
    // Not before both halves know of it: a store may fail in between.
    this.#session.unanswered = false;
    if (birth !== undefined) this.#session.outgoing.announce(parseMessage(birth), ignore);
    // A stop that began while the CONNACK was under way goes on: it is said once that it is closing.
    if (this.#state.phase === 'connecting') {
      this.#enter({ phase: 'connected', server: this.#server, sessionPresent: connack.sessionPresent });
    }
    link.pump();
  }

  #beginSession(connack: ConnackPacket, limits: SessionLimits, doubtful: boolean): void {
    const resumed = connack.sessionPresent || this.#mayBePresent();
    // What an earlier client left unanswered is as unknown as a CONNACK that never came.
    const now = this.#settings.clock.now();
    const isOurs = this.#graceOver && !this.#mayBeOlder;
    const certainty = doubtful ? 'unknown' : isOurs ? 'ours' : 'earlier';
    if (resumed) this.#session.resume(limits, now, certainty);
    else this.#session.reset(limits, now);
    // Flows that subscribe by messages do so when they have started; what the session kept for them waits.
    const grace = resumed && !this.#graceOver ? this.#settings.lateReceivers() : 0;
    if (grace > 0) this.#session.incoming.grace(now, grace);
    this.#graceOver = true;
  }

  /** MQTT 3.1 has no Session Present: a PUBREL too many is harmless, one too few keeps the message from its receivers. */
  #mayBePresent(): boolean {
    return this.#version.version === 3 && !this.#settings.cleanStart;
  }

  #ended(link: Link, cause: MqttError): void {
    const hungUp = mayBeAboutMessage(cause) ? { lastWords: cause, answered: link.answered } : undefined;
    this.#link = undefined;
    this.#settings.numbers.ended();
    const unsent = link.end();
    // What came in the same chunk as the end was handed out too.
    this.#handOver.mark();
    this.#version.lost();
    this.#subscriptions.disconnected();
    try {
      this.#session.suspend({ error: offline(cause), hungUp, unsent, now: this.#settings.clock.now() });
    } catch (error) {
      // There is no connection any more that could end for it.
      this.#settings.report(new MqttError('store-failed', `the session could not be stored: ${textOf(error)}`));
    }
  }

  /** A receiver threw outside the connection's own turn. */
  #failed(error: unknown): void {
    if (this.#link !== undefined) return this.#link.connection.fail(error);
    this.#settings.report(new MqttError('protocol-error', `a message could not be handed out: ${textOf(error)}`));
  }

  #enter(state: ClientState): void {
    this.#state = state;
    this.#changed(state);
  }
}

/** How one connection ended, and when it had been accepted, if it was: milliseconds of `Clock.now`. */
interface Ended {
  readonly cause: MqttError;
  readonly acceptedAt: number | undefined;
}

function sessionLimits(settings: Settings, limits: ServerLimits, version: ProtocolVersion): SessionLimits {
  const { receiveMaximum, maximumQoS, retainAvailable } = limits;
  const mqtt5 = version === 5;
  const maximumInflight = settings.maximumInflight ?? (mqtt5 ? MOST_IN_FLIGHT : INFLIGHT_BEFORE_MQTT5);
  const ownReceiveMaximum = mqtt5 ? settings.enforcedReceiveMaximum : Infinity;
  return { mqtt5, receiveMaximum, maximumInflight, maximumQoS, retainAvailable, ownReceiveMaximum };
}

/** For messages at QoS 0 that wait when the connection is ended by who owns it. */
function unsent(wanted: Wanted): MqttError {
  return wanted === 'closed'
    ? new ClientClosed()
    : new MqttError('offline', 'not sent: disconnected', { retryable: true });
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
