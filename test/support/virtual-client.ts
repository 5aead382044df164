import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Client, type Subscription } from '../../src/client/client.ts';
import type { PublishRequest } from '../../src/client/message.ts';
import type { ClientOptions } from '../../src/client/options.ts';
import type { ClientState } from '../../src/client/state.ts';
import type { MqttError } from '../../src/protocol/errors.ts';
import type { PublishPacket, QoS, SubscriptionOptions } from '../../src/protocol/packet.ts';
import type { Receiver } from '../../src/router/router.ts';
import { FakeClock } from './fake-clock.ts';
import { VirtualServer } from './virtual-server.ts';

/** More turns than any exchange of packets takes in which nobody waits for time. */
const MOST_TURNS = 1000;

/** A receiver that keeps what it gets. */
export class Taker implements Receiver {
  readonly ref: string | undefined;
  readonly messages: PublishPacket[] = [];
  /** What it does besides. */
  act: (packet: PublishPacket) => void = () => undefined;

  constructor(ref?: string) {
    this.ref = ref;
  }

  receive(packet: PublishPacket): void {
    this.messages.push(packet);
    this.act(packet);
  }

  get topics(): string[] {
    return this.messages.map(({ topic }) => topic);
  }
}

/** What became of a published message: 0 or another Reason Code, or the error; all that was told, in order. */
export type Outcomes = (Error | number)[];

/** A whole client in virtual time, with the Server that it dials. */
export class VirtualClient {
  readonly clock = new FakeClock();
  readonly server = new VirtualServer();
  readonly client: Client;
  readonly states: ClientState[] = [];
  /** What a person was told. */
  readonly notices: MqttError[] = [];
  /** Why messages of an earlier client will never be delivered. */
  readonly restored: Error[] = [];

  constructor(options: Partial<ClientOptions> = {}) {
    this.client = new Client({
      server: 'mqtt://broker',
      protocolVersion: 4,
      clientId: 'me',
      clock: this.clock,
      // At 0 a client that always fails would never let time pass.
      random: () => 0.5,
      dial: this.server.dial,
      report: (notice) => void this.notices.push(notice),
      restored: (error) => void this.restored.push(error),
      ...options,
    });
    this.client.onState((state) => void this.states.push(state));
  }

  /** Phases in the order in which they were entered. */
  get phases(): string[] {
    return this.states.map(({ phase }) => phase);
  }

  /** Lets everything happen that does not wait for time. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < MOST_TURNS; turns++) {
      await nextTurn();
      const busy = !this.clock.quiet;
      this.clock.io();
      if (!this.server.turn() && !busy) return;
    }
    assert.fail('the client and the Server never come to rest');
  }

  /** Lets time pass, every timer at its moment, with all that follows from it. */
  async pass(milliseconds: number): Promise<void> {
    await this.settle();
    const until = this.clock.now() + milliseconds;
    for (let { next } = this.clock; next !== undefined && next <= until; { next } = this.clock) {
      this.clock.advance(Math.max(0, next - this.clock.now()));
      await this.settle();
    }
    this.clock.advance(until - this.clock.now());
    await this.settle();
  }

  async connected(): Promise<this> {
    this.client.connect();
    await this.settle();
    assert.equal(this.client.state.phase, 'connected');
    return this;
  }

  publish(topic: string, qos: QoS, more: Partial<PublishRequest> = {}): Outcomes {
    const outcomes: Outcomes = [];
    this.client.publish({ topic, payload: '', qos, ...more }, (error, code) => void outcomes.push(error ?? code));
    return outcomes;
  }

  subscribe(filter: string, receiver: Receiver, options: Partial<SubscriptionOptions> = {}): Subscription {
    const all = { qos: 2, noLocal: false, retainAsPublished: true, retainHandling: 0, ...options } as const;
    return this.client.subscribe(filter, receiver, all, () => undefined);
  }
}
