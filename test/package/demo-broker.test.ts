import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { generate, type Packet, parser } from 'mqtt-packet';
import { until } from '../support/events.ts';
import { freePort } from '../support/ports.ts';

interface DemoBroker {
  close(): Promise<void>;
}

describe('the broker of the demo', () => {
  let broker: DemoBroker;
  let port: number;

  before(async () => {
    const script = pathToFileURL(join(__dirname, '../../scripts/demo/broker.mjs')).href;
    const { startBroker } = (await import(script)) as { startBroker: (port: number) => Promise<DemoBroker> };
    port = await freePort();
    broker = await startBroker(port);
  });

  after(() => broker.close());

  it('sends what it retains before what its client publishes right behind the subscription, as at each reconnect', async () => {
    const states = [1, 2, 3].map((host) => `posthorn/host-${host}/status`);
    const first = await Peer.connect(port, 'first');
    for (const topic of states) first.send(publish(topic, 'offline'));
    await until(() => first.acknowledged === states.length, 'they are retained');
    first.end();

    const second = await Peer.connect(port, 'second');
    const filters = ['posthorn/+/cpu', 'posthorn/+/status'];
    second.send(subscribe(filters), ...states.map((topic) => publish(topic, 'online')));
    await until(() => second.received.length === 2 * states.length, 'all of them come');
    for (const topic of states) {
      const payloads = second.received.filter((each) => each.topic === topic).map((each) => String(each.payload));
      assert.deepEqual(payloads, ['offline', 'online']);
    }
    second.end();
  });
});

function publish(topic: string, payload: string): Packet {
  return { cmd: 'publish', topic, payload, qos: 1, retain: true, dup: false, messageId: 1 + (nextId++ % 100) };
}

let nextId = 0;

function subscribe(topics: readonly string[]): Packet {
  return { cmd: 'subscribe', messageId: 500, subscriptions: topics.map((topic) => ({ topic, qos: 1 })) };
}

/** A client of the broker that sends what it is told in one write. */
class Peer {
  readonly received: { topic: string; payload: string | Buffer }[] = [];
  acknowledged = 0;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async connect(port: number, clientId: string): Promise<Peer> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const peer = new Peer(socket);
    const packets = parser();
    const accepted = once(packets, 'packet');
    packets.on('packet', (packet) => peer.#receive(packet));
    socket.on('data', (bytes) => packets.parse(bytes));
    peer.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId, clean: true, keepalive: 60 });
    await accepted;
    return peer;
  }

  send(...packets: Packet[]): void {
    this.#socket.write(Buffer.concat(packets.map((packet) => generate(packet))));
  }

  end(): void {
    this.#socket.end();
  }

  #receive(packet: Packet): void {
    if (packet.cmd === 'puback') this.acknowledged += 1;
    if (packet.cmd !== 'publish') return;
    this.received.push(packet);
    this.send({ cmd: 'puback', messageId: packet.messageId ?? 0 });
  }
}
