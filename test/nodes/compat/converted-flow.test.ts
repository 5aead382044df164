import assert from 'node:assert/strict';
import type { IConnectPacket, IPublishPacket, ISubscribePacket } from 'mqtt-packet';
import { convertFlows } from '../../../nodes/convert/convert-flows.ts';
import { until } from '../../support/events.ts';
import { collect, type FlowNode, node, startFlow, stopFlow } from '../../support/flow.ts';
import { agreeing } from '../flows.ts';

/** A flow of the core nodes with every field set, as the editor exports it: all text, and names as they are stored. */
function coreFlow(port: number): FlowNode[] {
  const properties = (kind: string): object => ({
    contentType: 'text/plain',
    userProps: `{"kind":"${kind}"}`,
    respTopic: `answer/${kind}`,
    correl: `correlation ${kind}`,
    expiry: '300',
  });
  const at = { z: 'tab', x: 100, y: 100 };
  return [
    {
      id: 'c',
      type: 'mqtt-broker',
      name: 'house',
      broker: '127.0.0.1',
      port: String(port),
      tls: '',
      clientid: 'gateway',
      autoConnect: true,
      usetls: false,
      verifyservercert: false,
      compatmode: false,
      protocolVersion: '5',
      keepalive: '30',
      cleansession: false,
      autoUnsubscribe: true,
      sessionExpiry: '600',
      userProps: '{"site":"barn"}',
      birthTopic: 'state/birth',
      birthQos: '1',
      birthRetain: 'true',
      birthPayload: 'online',
      birthMsg: properties('birth'),
      closeTopic: 'state/close',
      closeQos: '1',
      closeRetain: 'true',
      closePayload: 'closed',
      closeMsg: properties('close'),
      willTopic: 'state/will',
      willQos: '1',
      willRetain: 'true',
      willPayload: 'lost',
      willMsg: { ...properties('will'), delay: '5' },
    },
    {
      ...at,
      id: 'in',
      type: 'mqtt in',
      name: 'a name',
      topic: 'sensor/+/value',
      qos: '1',
      datatype: 'json',
      broker: 'c',
      nl: true,
      rap: false,
      rh: '1',
      inputs: 0,
      wires: [['h']],
    },
    {
      ...at,
      id: 'out',
      type: 'mqtt out',
      name: 'another',
      topic: 'actor/lamp',
      qos: '2',
      retain: 'true',
      respTopic: 'actor/answer',
      contentType: 'application/json',
      userProps: '{"a":"1"}',
      correl: 'number 7',
      expiry: '60',
      broker: 'c',
      wires: [],
    },
    { id: 'h', type: 'helper', z: 'tab' },
  ];
}

interface Seen {
  readonly connect: object;
  readonly subscriptions: object;
  /** By topic: birth, the published message, close. */
  readonly published: readonly object[];
  readonly received: unknown;
}

/** What a broker sees of a flow, and what the flow makes of a message of the broker's. */
async function observe(flow: (port: number) => readonly FlowNode[]): Promise<Seen> {
  const broker = await agreeing();
  try {
    await startFlow(flow(broker.port), { c: { user: 'ann', password: 's3cret' } });
    const peer = await broker.accept();
    const connect = await peer.expect('connect');
    const subscribe = await peer.skipTo('subscribe');
    await until(() => peer.received.some(({ cmd }) => cmd === 'publish'), 'the birth message');
    node('out').receive({ payload: { on: true } });
    const arrived = collect('h');
    const payload = '{"value":1}';
    peer.send({ cmd: 'publish', topic: 'sensor/1/value', payload, qos: 0, dup: false, retain: false });
    await until(() => arrived.length === 1, 'the message');
    await until(() => peer.received.filter(({ cmd }) => cmd === 'publish').length === 2, 'both messages');
    await stopFlow();
    await peer.closed;
    const { topic, payload: received, qos, retain } = arrived[0] ?? {};
    return {
      connect: connectOf(connect),
      subscriptions: subscriptionsOf(subscribe),
      published: peer.received.filter((packet) => packet.cmd === 'publish').map(publishOf),
      received: { topic, received, qos, retain },
    };
  } finally {
    await stopFlow();
    await broker.close();
  }
}

/** Without the limits of our own that we tell, and core does not have. */
function connectOf({
  clientId,
  clean,
  keepalive,
  username,
  password,
  will,
  properties,
  protocolVersion,
}: IConnectPacket): object {
  const { maximumPacketSize: _size, topicAliasMaximum: _aliases, receiveMaximum: _held, ...others } = properties ?? {};
  const willPayload = String(will?.payload);
  return {
    clientId,
    clean,
    keepalive,
    username,
    protocolVersion,
    password: String(password),
    will: { ...will, payload: willPayload },
    properties: { ...others },
  };
}

function subscriptionsOf({ subscriptions }: ISubscribePacket): object {
  return subscriptions.map(({ topic, qos, nl, rap, rh }) => ({ topic, qos, nl, rap, rh }));
}

function publishOf({ topic, payload, qos, retain, properties }: IPublishPacket): object {
  return { topic, payload: String(payload), qos, retain, properties: { ...properties } };
}

describe('a flow of the core nodes with every field set, converted', () => {
  it('is the same to the broker and to the flow', async () => {
    const core = await observe(coreFlow);
    const ours = await observe(
      (port) => convertFlows(coreFlow(port), { newId: () => '0123456789abcdef' }).nodes as FlowNode[],
    );
    // When its last node goes, core publishes its close message twice.
    assert.deepEqual(ours, { ...core, published: core.published.slice(0, 3) });
    assert.deepEqual(core.published[3], core.published[2]);
  });
});
