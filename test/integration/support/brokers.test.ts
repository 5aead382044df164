import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { generate, parser } from 'mqtt-packet';
import type { IConnectPacket, Packet, PacketCmd } from 'mqtt-packet';
import { startAedesBroker } from '../../support/aedes-broker.ts';
import type { AedesBroker } from '../../support/aedes-broker.ts';
import { Inbox } from '../../support/inbox.ts';
import { optionalTool } from '../../support/optional.ts';
import { RealBroker } from '../../support/real-broker.ts';

/** The least client that can ask a broker something: our own is what these brokers are there to test. */
class Probe {
  readonly #inbox = new Inbox<Packet>();
  readonly #socket: Socket;
  readonly #closed: Promise<void>;

  constructor(port: number) {
    const packets = parser({ protocolVersion: 4 });
    packets.on('packet', (packet) => this.#inbox.put(packet));
    this.#socket = connect(port, '127.0.0.1')
      .on('error', () => {})
      .on('data', (chunk: Buffer) => packets.parse(chunk))
      .on('close', () => this.#inbox.end(new Error('the broker ended the connection')));
    this.#closed = new Promise((resolve) => {
      this.#socket.once('close', () => resolve());
    });
  }

  async ask<C extends PacketCmd>(packet: Packet, answer: C): Promise<Extract<Packet, { cmd: C }>> {
    this.send(packet);
    return this.next(answer);
  }

  async next<C extends PacketCmd>(cmd: C): Promise<Extract<Packet, { cmd: C }>> {
    const packet = await this.#inbox.take(`no ${cmd}`);
    assert.equal(packet.cmd, cmd);
    return packet as Extract<Packet, { cmd: C }>;
  }

  send(packet: Packet): void {
    this.#socket.write(generate(packet));
  }

  async end(): Promise<void> {
    this.#socket.end(generate({ cmd: 'disconnect' }));
    await this.#closed;
  }
}

async function connected(port: number, options: Partial<IConnectPacket> = {}): Promise<Probe> {
  const probe = new Probe(port);
  const connack = await probe.ask({ cmd: 'connect', clientId: 'probe', clean: true, ...options }, 'connack');
  assert.equal(connack.returnCode, 0);
  return probe;
}

async function crosses(port: number): Promise<void> {
  const probe = await connected(port);
  await probe.ask({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a/+', qos: 0 }] }, 'suback');
  probe.send({ cmd: 'publish', topic: 'a/b', payload: 'x', qos: 0, dup: false, retain: false });
  assert.equal((await probe.next('publish')).topic, 'a/b');
  await probe.end();
}

describe('support: aedes', () => {
  let broker: AedesBroker;

  before(async () => {
    broker = await startAedesBroker();
  });

  after(() => broker.close());

  it('carries a message', () => crosses(broker.port));

  it('cuts its connections and accepts new ones', async () => {
    const probe = await connected(broker.port);
    broker.cut();
    await assert.rejects(probe.next('publish'), /ended the connection/);
    await crosses(broker.port);
  });
});

describe('support: mosquitto', () => {
  let program: string;
  let broker: RealBroker | undefined;

  before(function () {
    const path = optionalTool('mosquitto');
    if (path === undefined) {
      this.skip();
    }
    program = path;
  });

  afterEach(() => broker?.stop());

  it('carries a message, and is gone when stopped', async () => {
    broker = await RealBroker.start(program);
    await crosses(broker.port);
    const { port, pid } = broker;
    await broker.stop();
    await assert.rejects(connected(port));
    assert.throws(() => process.kill(pid ?? 0, 0), /ESRCH/);
  });

  it('keeps sessions over a restart where persistence is on', async () => {
    broker = await RealBroker.start(program, { persistence: true });
    const first = await connected(broker.port, { clean: false });
    await first.ask({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 1 }] }, 'suback');
    await first.end();
    await broker.restart();
    const again = new Probe(broker.port);
    const connack = await again.ask({ cmd: 'connect', clientId: 'probe', clean: false }, 'connack');
    assert.equal(connack.sessionPresent, true);
    await again.end();
  });

  it('comes back on its port after a crash', async () => {
    broker = await RealBroker.start(program);
    const { port } = broker;
    await broker.crash();
    assert.equal(broker.port, port);
    await crosses(port);
  });

  it('refuses who is not among its users', async () => {
    broker = await RealBroker.start(program, { users: { ann: 'secret' }, acl: ['user ann', 'topic readwrite a/#'] });
    const { port } = broker;
    const right = { cmd: 'connect', clientId: 'p', clean: true, username: 'ann' } as const;
    assert.equal((await new Probe(port).ask({ ...right, password: Buffer.from('secret') }, 'connack')).returnCode, 0);
    assert.equal((await new Probe(port).ask({ ...right, password: Buffer.from('guess') }, 'connack')).returnCode, 5);
  });

  it('says why it does not start', async () => {
    await assert.rejects(RealBroker.start(program, { lines: ['no_such_setting 1'] }), /no_such_setting/);
  });
});
