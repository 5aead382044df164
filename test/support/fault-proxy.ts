import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { deferred } from '../../src/util/deferred.ts';
import type { Deferred } from '../../src/util/deferred.ts';
import { FaultLink } from './fault-link.ts';
import type { Admission, Passage, Side, Tap } from './fault-link.ts';
import { wholeNumber } from './random.ts';
import type { Random } from './random.ts';

/** When {@link FaultProxy.cutAtRandom} cuts. */
export interface CutPlan {
  /** Decides the bytes; from `randomFrom(seed)` it is the same plan for the same seed. */
  readonly random: Random;
  /** How many cuts, then the proxy is harmless again. */
  readonly cuts: number;
  /** At least so many bytes, of both directions together, between two cuts. */
  readonly leastBytes: number;
  /** At most so many bytes between two cuts. */
  readonly mostBytes: number;
}

/**
 * A TCP proxy on 127.0.0.1 in front of a server on 127.0.0.1, which spoils connections as a test tells it. Without
 * orders it forwards everything.
 */
export class FaultProxy {
  readonly #target: number;
  readonly #tap: (() => Tap) | undefined;
  readonly #server: Server;
  readonly #links = new Set<FaultLink>();
  readonly #passage: { -readonly [Order in keyof Passage]: Passage[Order] } = {
    thawed: {},
    delayMs: 0,
    trickle: false,
    admit: (bytes) => this.#admit(bytes),
  };
  #thaw: Deferred<void> | undefined;
  #refusing = false;
  #connections = 0;
  #cuts = 0;
  #bytes = 0;
  #bytesToNextCut = Number.POSITIVE_INFINITY;
  #plan: CutPlan | undefined;
  #cutsLeft = 0;

  private constructor(target: number, tap: (() => Tap) | undefined) {
    this.#target = target;
    this.#tap = tap;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /**
   * Starts a proxy for the server on this port.
   *
   * @param tap makes what looks at a connection, for each new one.
   */
  static async listen(targetPort: number, tap?: () => Tap): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, tap);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many connections came, refused ones not counted. */
  get connections(): number {
    return this.#connections;
  }

  /** How many connections are open now. */
  get open(): number {
    return this.#links.size;
  }

  /** How many connections were cut, by whatever order. */
  get cuts(): number {
    return this.#cuts;
  }

  /** How many bytes passed, both directions together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Cuts planned by {@link FaultProxy.cutAtRandom} or {@link FaultProxy.cutAfterBytes} that have not happened yet. */
  get cutsLeft(): number {
    return this.#cutsLeft;
  }

  /** Ends all connections at once, on both sides, without a word. */
  cut(): void {
    for (const link of this.#links) {
      this.#cuts += 1;
      link.cut();
    }
  }

  /**
   * The connection over which the n-th byte from now passes, in either direction, is cut right after that byte. A plan
   * that was running is replaced.
   */
  cutAfterBytes(bytes: number): void {
    this.#plan = undefined;
    this.#cutsLeft = 1;
    this.#bytesToNextCut = bytes;
  }

  /** Cuts several times, each after a random number of bytes since the last. A plan that was running is replaced. */
  cutAtRandom(plan: CutPlan): void {
    this.#plan = plan;
    this.#cutsLeft = plan.cuts;
    this.#arm();
  }

  /**
   * Nothing passes any more, but the connections stay: each side sees a silent peer.
   *
   * @param towards with one side, what comes from that one still passes. Default: both.
   */
  freeze(towards?: Side): void {
    this.#thaw ??= deferred<void>();
    const { promise } = this.#thaw;
    this.#passage.thawed = towards === undefined ? { client: promise, server: promise } : { [towards]: promise };
  }

  /** What was held back passes, and all that follows. */
  thaw(): void {
    this.#thaw?.resolve();
    this.#thaw = undefined;
    this.#passage.thawed = {};
  }

  /** New connections are ended at once (true) or accepted (false, as at the start). */
  refuse(refusing: boolean): void {
    this.#refusing = refusing;
  }

  /** Each chunk waits so many milliseconds before it passes, one after the other; 0, as at the start: not at all. */
  delay(milliseconds: number): void {
    this.#passage.delayMs = milliseconds;
  }

  /** Every byte passes in a write of its own (true) or chunks as they come (false, as at the start). */
  trickle(trickling: boolean): void {
    this.#passage.trickle = trickling;
  }

  /** Ends all connections and stops listening. Closing twice is harmless. */
  async close(): Promise<void> {
    if (!this.#server.listening) {
      return;
    }
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const link of this.#links) {
      link.cut();
    }
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.on('error', () => {}); // it is being ended anyway
      client.destroy();
      return;
    }
    this.#connections += 1;
    const server = connect({ port: this.#target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const link = new FaultLink(client, server, this.#passage, this.#tap?.());
    this.#links.add(link);
    void link.over.then(() => this.#links.delete(link)); // never rejects
  }

  #admit(bytes: number): Admission {
    const allowed = Math.min(bytes, this.#bytesToNextCut);
    this.#bytes += allowed;
    this.#bytesToNextCut -= allowed;
    if (this.#bytesToNextCut > 0) {
      return { bytes: allowed, cut: false };
    }
    this.#cuts += 1;
    this.#cutsLeft -= 1;
    this.#arm();
    return { bytes: allowed, cut: true };
  }

  #arm(): void {
    const plan = this.#plan;
    this.#bytesToNextCut =
      plan === undefined || this.#cutsLeft === 0
        ? Number.POSITIVE_INFINITY
        : wholeNumber(plan.random, plan.leastBytes, plan.mostBytes);
  }
}
