import { Decoder } from '../codec/decoder.ts';
import { TurnMemory } from '../codec/turn-memory.ts';
import { type FrameHandler, Framer, type OversizedHandler } from '../codec/framer.ts';
import { PacketWriter } from '../codec/packet-writer.ts';
import type { SkippedPublish } from '../codec/publish-decoder.ts';
import { InboundAliases } from '../codec/topic-alias.ts';
import {
  ConnectionRefused,
  ConnectUnanswered,
  MqttError,
  protocolError,
  ProtocolViolation,
  ServerDisconnected,
  textOf,
} from '../protocol/errors.ts';
import type {
  AckCommand,
  AckPacket,
  ConnackPacket,
  ConnectPacket,
  ControlPacket,
  DisconnectProperties,
  PacketId,
  OutgoingPublish,
  PublishPacket,
  QoS,
  ServerPacket,
  SubackPacket,
  UnsubackPacket,
} from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import { shownTopic } from '../protocol/topic.ts';
import { isTlsFailure, tlsFailure } from '../transport/failure.ts';
import type { Transport } from '../transport/transport.ts';
import type { Chunk } from '../util/chunk.ts';
import type { Clock, Timer } from '../util/clock.ts';
import { Queue } from '../util/queue.ts';
import { CommitGate, type Left, type Records } from './commit-gate.ts';
import { whyNoConnack } from './first-bytes.ts';
import { Intake } from './intake.ts';
import { KeepAlive } from './keep-alive.ts';
import { type ServerLimits, serverLimits } from './server-limits.ts';

/** A packet that concerns the session or a request, and not the connection itself. */
export type SessionPacket = PublishPacket | AckPacket | SubackPacket | UnsubackPacket;

/** What is known of a PUBLISH that was not taken in. */
export interface SkippedMessage {
  readonly topic: string;
  readonly qos: QoS;
  readonly dup: boolean;
  /** Present at QoS 1 and 2. */
  readonly packetId: PacketId | undefined;
}

/** What a connection tells its owner, synchronously, packet by packet. */
export interface ConnectionHandlers {
  /** The Server accepted the CONNECT; packets may follow in the same turn. */
  accepted(connack: ConnackPacket, limits: ServerLimits): void;
  packet(packet: SessionPacket): void;
  /** A PUBLISH came that cannot be taken in: it is to be acknowledged in its turn like any other, and told. */
  skipped(problem: MqttError, packet: SkippedMessage): void;
  /** All packets of a chunk were handled: the moment to send what they made possible. */
  settled(): void;
  /** `writable` may be true again. */
  drained(): void;
  /** A PINGREQ was answered so many milliseconds after it left; not told where what comes was not read meanwhile. */
  roundTrip(milliseconds: number): void;
  /** The end, exactly once and last. */
  ended(cause: MqttError): void;
}

export interface ConnectionOptions {
  readonly connect: ConnectPacket;
  /** For messages: `mqtts://host:8883`. */
  readonly server: string;
  /** Bytes of one packet that we accept at most. */
  readonly maximumPacketSize: number;
  /** Milliseconds for the Server to answer CONNECT. */
  readonly handshakeTimeout: number;
  /** What is sent leaves when what was recorded until then is durable. */
  readonly records: Records;
  readonly clock: Clock;
}

/** Bytes that may be collected before they are written within the turn. */
const FLUSH_AT = 262_144;

/** Bytes of acknowledgements that may wait for a peer that does not read. */
const MOST_UNSENT = 1024 * 1024;

/** Bytes that may wait until what they rest on is durable; then nothing more is asked for, and nothing more is read. */
const MOST_SEALED = 1024 * 1024;

/** Milliseconds that the orderly end of a connection may take. */
const CLOSE_TIMEOUT = 1000;

interface Ping {
  /** `Clock.now`. */
  readonly at: number;
  readonly reached: () => void;
}

type Phase = 'handshake' | 'running' | 'closing' | 'ended';

/** One Network Connection: made for one transport, ended once with one cause, never used again. */
export class Connection {
  readonly #transport: Transport;
  readonly #options: ConnectionOptions;
  readonly #handlers: ConnectionHandlers;
  readonly #framer: Framer;
  readonly #intake: Intake;
  readonly #decoder: Decoder;
  readonly #writer: PacketWriter;
  readonly #gate: CommitGate;
  /** Called when what is collected leaves. */
  #leaving: Left[] = [];
  readonly #aliases: InboundAliases;
  readonly #keepAlive: KeepAlive;
  #phase: Phase = 'handshake';
  #blocked = false;
  /** Whether anything came: the first byte says whether it can be a CONNACK. */
  #answered = false;
  #deadline: Timer | undefined;
  /** One for each PINGREQ that left and is not answered, in order. */
  readonly #pings = new Queue<Ping>();
  /** When it was decided last that nothing is read, or that it is again. */
  #unheardAt = -Infinity;
  /** Why the connection is being closed, while the transport has not told its end. */
  #cause: MqttError | undefined;

  constructor(transport: Transport, options: ConnectionOptions, handlers: ConnectionHandlers) {
    const { connect, maximumPacketSize, clock, records } = options;
    this.#transport = transport;
    this.#options = options;
    this.#handlers = handlers;
    // From MQTT 5 on the Server was told our maximum; before, it cannot know it.
    const oversized: OversizedHandler | undefined =
      connect.protocolVersion === 5 ? undefined : (first, head, size) => this.#oversized(first, head, size);
    const frame: FrameHandler = (buffer, start, body, end) => this.#frame(buffer, start, body, end);
    this.#framer = new Framer(new TurnMemory(clock), maximumPacketSize, frame, oversized);
    this.#intake = new Intake(this.#framer, transport, clock, () => this.#take(() => this.#intake.readOn()));
    this.#decoder = new Decoder(connect.protocolVersion);
    this.#writer = new PacketWriter(connect.protocolVersion);
    this.#gate = new CommitGate(records, () => this.#opened());
    this.#aliases = new InboundAliases(connect.properties?.topicAliasMaximum ?? 0);
    this.#keepAlive = new KeepAlive(clock, {
      ping: () => this.#ping(),
      dead: () => this.#silent(),
      blocked: () => this.#blocked,
    });
  }

  /** Sends CONNECT and begins to receive [MQTT-3.1.0-1]. */
  open(): void {
    const { connect, handshakeTimeout, clock } = this.#options;
    this.#deadline = clock.timer(handshakeTimeout, () => this.#unanswered());
    this.#transport.start({
      data: (chunk) => this.#receive(chunk),
      drain: () => this.#drain(),
      progress: () => this.#keepAlive.progressed(),
      closed: (cause) => this.#transportClosed(cause),
    });
    try {
      this.#writer.control(connect);
    } catch (error) {
      // Otherwise the transport would stay open with nobody to end it.
      const message = `CONNECT cannot be sent: ${textOf(error)}`;
      return this.close(new MqttError('invalid-options', message, { cause: error }));
    }
    this.flush();
  }

  /** From its CONNACK until it begins to end: what is sent before or behind that does not leave. */
  get isRunning(): boolean {
    return this.#phase === 'running';
  }

  /** Whether the peer takes more; then what is sent leaves within this turn. */
  get writable(): boolean {
    return this.#phase === 'running' && !this.#blocked && !this.congested;
  }

  /** Whether so much waits for a slow disk that nothing more should be read: the answers would have to wait too. */
  get congested(): boolean {
    return this.#gate.bytes > MOST_SEALED;
  }

  /** Whether what is sent now waits for no disk, nor for what waits for one. */
  get isImmediate(): boolean {
    return this.#gate.isOpen;
  }

  /** Whether nothing that was sent waits for a disk. */
  get settled(): boolean {
    return this.#gate.bytes === 0;
  }

  /** @returns bytes of the payload. @throws {PacketTooLarge} nothing was sent. */
  publish(packet: OutgoingPublish): number {
    return this.#phase === 'running' ? this.#writer.publish(packet) : 0;
  }

  /** Whether so much was collected that it should leave before more comes to it. */
  get isFull(): boolean {
    return this.#writer.pending >= FLUSH_AT;
  }

  /** @throws {PacketTooLarge} nothing was sent. */
  acknowledge(cmd: AckCommand, packetId: PacketId, reasonCode: number): void {
    if (this.#phase === 'running') this.#writer.acknowledge(cmd, packetId, reasonCode);
  }

  /** @throws {PacketTooLarge} nothing was sent. */
  control(packet: ControlPacket): void {
    if (this.#phase === 'running') this.#writer.control(packet);
  }

  /**
   * Calls back when the Server has handled everything sent so far: a PINGREQ is answered in its turn (3.12.4).
   * Never, if the connection ends before.
   */
  barrier(reached: () => void): void {
    this.whenSent(() => {
      this.#pinged(reached);
      return undefined;
    });
    this.control({ cmd: 'pingreq' });
  }

  /** Calls back when what was collected so far leaves; never, if the connection ends before. */
  whenSent(left: Left): void {
    this.#leaving.push(left);
  }

  /** Writes what was collected: one write, whatever it was made of. */
  flush(): void {
    // What the socket does not take yet is kept here, where it is counted.
    if (!this.#blocked) this.#write();
  }

  #write(): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') return;
    if (this.#gate.isOpen && this.#leaving.length === 0) return this.#sendAtOnce();
    this.#seal();
    const ready = this.#gate.take();
    if (ready === undefined) return;
    if (ready.bytes > 0) this.#send(ready.chunks, ready.bytes);
    const tell = ready.left.map((left) => left());
    for (const each of tell) each?.();
  }

  #seal(): void {
    const { pending } = this.#writer;
    if (pending === 0 && this.#leaving.length === 0) return;
    const leaving = this.#leaving;
    this.#leaving = [];
    this.#gate.seal(this.#writer.take(), pending, leaving);
  }

  /** What waited for the disk leaves; then there is room for more. */
  #opened(): void {
    const { congested } = this;
    try {
      this.flush();
      if (congested && this.#phase === 'running') this.#handlers.drained();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends in order: DISCONNECT, then the transport's end; at the latest after a second at once. */
  close(cause: MqttError, reasonCode: number = ReasonCode.Success, properties: DisconnectProperties = {}): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') return;
    this.#cause = cause;
    this.#framer.stop();
    this.#keepAlive.stop();
    this.#deadline?.cancel();
    // [MQTT-3.14.4-1] what was collected leaves now, or never: nothing follows a DISCONNECT, which waits for no disk.
    this.#write();
    // Who was told of that may have ended it.
    if (this.#isOver) return;
    this.#gate.close();
    this.#sendDisconnect(reasonCode, properties);
    this.#sendAtOnce();
    this.#phase = 'closing';
    this.#deadline = this.#options.clock.timer(CLOSE_TIMEOUT, () => this.destroy(cause));
    this.#transport.end();
  }

  get #isOver(): boolean {
    return this.#phase === 'closing' || this.#phase === 'ended';
  }

  /** Ends at once. */
  destroy(cause: MqttError): void {
    if (this.#phase === 'ended') return;
    this.#cause ??= cause;
    this.#transport.destroy();
    this.#end(this.#cause);
  }

  /**
   * No more packets until {@link proceed}: the bytes wait in the network, which slows the peer down. The packet that is
   * being handled is the last one. Pings go on; that their answers are not read is not held against the peer.
   */
  hold(): void {
    if (this.#phase !== 'running') return;
    this.#intake.hold();
    this.#unheardAt = this.#options.clock.now();
    this.#keepAlive.unheard();
  }

  /** Packets come again, in their order, in a later turn. */
  proceed(): void {
    if (this.#phase !== 'running' || !this.#intake.held) return;
    this.#intake.proceed();
    this.#unheardAt = this.#options.clock.now();
    this.#keepAlive.heard();
  }

  #receive(chunk: Buffer): void {
    this.#keepAlive.received();
    this.#take(() => {
      if (this.#phase === 'handshake') this.#expectConnack(chunk);
      this.#framer.push(chunk);
    });
  }

  /** What begins otherwise is no answer of a Server: to wait for the end that its second byte announces is no use. */
  #expectConnack(chunk: Buffer): void {
    if (this.#answered || chunk.length === 0) return;
    this.#answered = true;
    const problem = whyNoConnack(this.#options.server, chunk);
    if (problem !== undefined) throw problem;
  }

  /** What `step` hands on is handled; what that made possible to send leaves in one write. */
  #take(step: () => void): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') return;
    try {
      step();
      if (this.#phase === 'running') this.#handlers.settled();
    } catch (error) {
      this.fail(error);
    }
    this.flush();
    if (this.#writer.pending > MOST_UNSENT) this.#unread();
  }

  /** A peer that sends and never reads would fill the memory with acknowledgements. */
  #unread(): void {
    const message = `${this.#options.server} does not read: ${this.#writer.pending} bytes of answers wait for it`;
    this.destroy(new MqttError('connection-lost', message, { retryable: true }));
  }

  #frame(buffer: Buffer, start: number, bodyStart: number, end: number): boolean {
    return this.#handle(this.#decoder.decode(buffer, start, bodyStart, end));
  }

  #oversized(firstByte: number, head: Buffer, size: number): boolean {
    const why = `it takes ${size} bytes, at most ${this.#options.maximumPacketSize} are accepted`;
    return this.#handle(this.#decoder.decodeOversized(firstByte, head, why));
  }

  /** False: nothing behind this packet counts. */
  #handle(packet: ServerPacket | SkippedPublish): boolean {
    this.#dispatch(packet);
    if (this.#phase !== 'handshake' && this.#phase !== 'running') return false;
    this.#intake.count();
    return true;
  }

  #dispatch(packet: ServerPacket | SkippedPublish): void {
    if (this.#phase === 'handshake') return this.#answer(packet);
    switch (packet.cmd) {
      case 'publish':
        return this.#handlers.packet(this.#aliases.resolve(packet));
      case 'skipped':
        return this.#skipped(packet);
      case 'puback':
      case 'pubrec':
      case 'pubrel':
      case 'pubcomp':
      case 'suback':
      case 'unsuback':
        return this.#handlers.packet(packet);
      case 'pingresp':
      case 'pingreq':
        // That bytes came is all that the Keep Alive needs to know.
        return this.#pong();
      case 'disconnect':
        return this.#disconnected(packet.reasonCode, packet.properties.reasonString);
      case 'connack':
        // [MQTT-3.2.0-2] at most one CONNACK.
        throw protocolError('broker sent a second CONNACK');
      case 'auth':
        // [MQTT-4.12.0-6] we named no Authentication Method.
        throw protocolError('broker sent AUTH without an Authentication Method in CONNECT');
    }
  }

  #skipped({ topic: sent, topicAlias, qos, dup, packetId, why }: SkippedPublish): void {
    const topic = this.#aliases.topicOf(sent, topicAlias);
    const problem = new MqttError('message-skipped', `a message to ${shownTopic(topic)} was skipped: ${why}`);
    this.#handlers.skipped(problem, { topic, qos, dup, packetId });
  }

  /** [MQTT-3.2.0-1] the first packet is a CONNACK. */
  #answer(packet: ServerPacket | SkippedPublish): void {
    if (packet.cmd !== 'connack') throw protocolError(`broker sent ${packet.cmd.toUpperCase()} before CONNACK`);
    const { connect, server } = this.#options;
    const { reasonCode, properties, sessionPresent } = packet;
    if (reasonCode !== ReasonCode.Success) throw new ConnectionRefused(reasonCode, server, properties.reasonString);
    // [MQTT-3.2.2-2] a clean start has no session to be present.
    if (sessionPresent && connect.cleanStart) throw protocolError('broker says Session Present after a clean start');
    // [MQTT-4.12.0-6] we named no Authentication Method.
    if (properties.authenticationMethod !== undefined)
      throw protocolError('broker sent an Authentication Method unasked');
    this.#deadline?.cancel();
    const limits = serverLimits(connect, properties);
    this.#writer.maximumPacketSize = limits.maximumPacketSize;
    this.#phase = 'running';
    this.#keepAlive.start(limits.keepAlive);
    this.#handlers.accepted(packet, limits);
  }

  #disconnected(reasonCode: number, reasonString: string | undefined): void {
    // [MQTT-4.13.2-1] after a DISCONNECT the connection is closed; nothing is sent any more.
    this.#cause = new ServerDisconnected(reasonCode, reasonString);
    this.destroy(this.#cause);
  }

  /** Sends a PINGREQ for the sake of {@link ConnectionHandlers.roundTrip}, unless one is under way, or it would have to wait. */
  measure(): void {
    if (this.writable && this.#pings.length === 0) this.#ping();
  }

  #ping(): void {
    try {
      // It waits for no disk: a slow one is no dead Server.
      if (!this.settled) return this.#pingAtOnce();
      this.barrier(ignore);
      this.flush();
    } catch (error) {
      this.fail(error);
    }
  }

  #pingAtOnce(): void {
    this.#seal();
    this.control({ cmd: 'pingreq' });
    this.#pinged(ignore);
    this.#sendAtOnce();
  }

  #pinged(reached: () => void): void {
    this.#pings.push({ at: this.#options.clock.now(), reached });
  }

  #pong(): void {
    const ping = this.#pings.shift();
    if (ping === undefined) return;
    if (ping.at > this.#unheardAt) this.#handlers.roundTrip(this.#options.clock.now() - ping.at);
    ping.reached();
  }

  /** In front of all that waits for the disk. */
  #sendAtOnce(): void {
    const { pending } = this.#writer;
    if (pending === 0) return;
    this.#send(this.#writer.take(), pending);
  }

  #send(chunks: readonly Chunk[], bytes: number): void {
    this.#keepAlive.sent(bytes);
    this.#blocked = !this.#transport.write(chunks);
    if (this.#transport.hasWritten && this.#gate.bytes === 0) this.#writer.reuse();
  }

  #silent(): void {
    const { server } = this.#options;
    const message = `${server} did not answer a PINGREQ: the connection is dead`;
    this.destroy(new MqttError('keep-alive-timeout', message, { retryable: true }));
  }

  #unanswered(): void {
    const { server, handshakeTimeout } = this.#options;
    const message = `${server} did not answer CONNECT within ${Math.round(handshakeTimeout / 100) / 10} s`;
    this.destroy(new MqttError('handshake-timeout', message, { retryable: true }));
  }

  /** The peer broke a rule, or its owner failed: the connection ends with a reason either way (4.13). */
  fail(error: unknown): void {
    if (error instanceof ProtocolViolation) return this.close(error, error.reasonCode);
    if (error instanceof MqttError) return this.close(error);
    const message = `a packet could not be handled: ${textOf(error)}`;
    const cause = new MqttError('protocol-error', message, { cause: error, retryable: true });
    this.close(cause, ReasonCode.UnspecifiedError);
  }

  /** Before the CONNACK there is no DISCONNECT, and before MQTT 5 none with a reason (3.14, 4.13.1). */
  #sendDisconnect(reasonCode: number, properties: DisconnectProperties): void {
    const orderly = reasonCode < 0x80;
    if (this.#phase !== 'running' || (this.#options.connect.protocolVersion < 5 && !orderly)) return;
    // Without what cannot be encoded or is too large for the Server: the reason code is what counts, and that the Will
    // is not published. A Server that takes not even that is left without a word.
    if (!this.#wrote({ cmd: 'disconnect', reasonCode, properties })) {
      this.#wrote({ cmd: 'disconnect', reasonCode, properties: {} });
    }
  }

  /** Never throws: it is for the end of the connection, which nothing may keep from coming. */
  #wrote(packet: ControlPacket): boolean {
    try {
      this.#writer.control(packet);
      return true;
    } catch {
      return false;
    }
  }

  #drain(): void {
    this.#blocked = false;
    this.#keepAlive.progressed();
    this.flush();
    if (this.#phase === 'running') this.#handlers.drained();
  }

  #transportClosed(cause: Error | undefined): void {
    this.#finish();
    this.#end(this.#cause ?? this.#lost(cause));
  }

  #lost(cause: Error | undefined): MqttError {
    const { server, connect } = this.#options;
    // With TLS 1.3 the Server looks at our certificate only after our handshake is complete.
    if (this.#phase === 'handshake' && cause !== undefined && isTlsFailure(cause)) return tlsFailure(server, cause);
    if (this.#phase === 'handshake') return new ConnectUnanswered(server, connect.protocolVersion === 5, cause);
    const reason = cause === undefined ? 'closed by the broker' : textOf(cause);
    const message = `connection to ${server} was lost: ${reason}`;
    return new MqttError('connection-lost', message, { cause, retryable: true });
  }

  /** What came before the end still counts: it may say why the connection ends. Nothing is sent any more. */
  #finish(): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') return;
    this.#blocked = true;
    try {
      this.#intake.finish();
    } catch (error) {
      this.fail(error);
    }
  }

  #end(cause: MqttError): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#gate.close();
    this.#framer.stop();
    this.#keepAlive.stop();
    this.#deadline?.cancel();
    this.#handlers.ended(cause);
  }
}

function ignore(): void {
  // A PINGREQ of the Keep Alive, or for the round-trip time: nobody waits for its answer.
}
