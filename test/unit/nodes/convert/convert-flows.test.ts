import assert from 'node:assert/strict';
import { convertFlows } from '../../../../nodes/convert/convert-flows.ts';
import { COPY_ID, broker, convert, kindsOf, nodeIn, noteOf, publisher, subscriber } from './flows.ts';

describe('converting flows of the core MQTT nodes', () => {
  it('changes the three types, and nothing else of a node', () => {
    const conversion = convert([subscriber, publisher, broker]);
    assert.deepEqual(conversion.nodes, [
      { ...subscriber, type: 'mqtt-in' },
      { ...publisher, type: 'mqtt-out' },
      { ...broker, type: 'mqtt-connection' },
    ]);
    assert.deepEqual(conversion.notes, []);
  });

  it('keeps the order of the fields, so that a flow file differs in few lines', () => {
    const { nodes } = convert([subscriber]);
    assert.equal(JSON.stringify(nodes[0]), JSON.stringify(subscriber).replace('"mqtt in"', '"mqtt-in"'));
  });

  it('says what it changed, by the names that people know', () => {
    const { changed } = convert([subscriber, publisher, broker]);
    assert.deepEqual(changed, [
      { id: 'b1', from: 'mqtt-broker', to: 'mqtt-connection', name: 'localhost:1883' },
      { id: 'in1', from: 'mqtt in', to: 'mqtt-in', name: 'kitchen' },
      { id: 'out1', from: 'mqtt out', to: 'mqtt-out', name: 'a/b' },
    ]);
  });

  // Were all nodes looked through for each of them, these would take minutes.
  it('takes very many brokers that others use too', () => {
    const numbers = Array.from({ length: 20_000 }, (_, index) => index);
    const flow = numbers.flatMap((index) => [
      { ...broker, id: `b${index}`, clientid: `client ${index}` },
      { ...subscriber, id: `in${index}`, broker: `b${index}` },
      { id: `f${index}`, type: 'other', server: `b${index}` },
      { id: `s${index}`, type: 'subflow', name: 'Meter' },
    ]);
    let made = 0;
    const { changed } = convertFlows(flow, { newId: () => `copy ${made++}` });
    assert.equal(changed.length, 40_000);
  });

  it('does not modify what it was given', () => {
    const flow = structuredClone([subscriber, publisher, broker]);
    convert(flow, ['in1']);
    assert.deepEqual(flow, [subscriber, publisher, broker]);
  });

  it('leaves everything else as it is, the very same objects', () => {
    const other = { id: 'debug1', type: 'debug', z: 'tab1' };
    const { nodes, changed } = convert([other]);
    assert.equal(nodes[0], other);
    assert.deepEqual(changed, []);
  });

  it('converts a broker that nothing uses, together with everything', () => {
    assert.equal(nodeIn(convert([broker]), 'b1').type, 'mqtt-connection');
  });

  it('leaves what is converted already', () => {
    const once = convert([subscriber, publisher, broker]);
    const twice = convert(once.nodes);
    assert.deepEqual(twice, { nodes: once.nodes, changed: [], notes: [] });
  });

  it('converts a broker in place where all its nodes are in the selection', () => {
    const conversion = convert([subscriber, publisher, broker], ['in1', 'out1']);
    assert.equal(nodeIn(conversion, 'b1').type, 'mqtt-connection');
    assert.equal(conversion.nodes.length, 3);
  });

  it('leaves brokers alone whose nodes are not in the selection', () => {
    const unused = { ...broker, id: 'b2' };
    const conversion = convert([subscriber, broker, unused], []);
    assert.deepEqual(conversion, { nodes: [subscriber, broker, unused], changed: [], notes: [] });
  });

  it('keeps a broker that other nodes use, and makes a connection beside it', () => {
    const conversion = convert([subscriber, publisher, broker], ['in1']);
    assert.deepEqual(conversion.nodes, [
      { ...subscriber, type: 'mqtt-in', broker: COPY_ID },
      publisher,
      broker,
      { ...broker, id: COPY_ID, type: 'mqtt-connection' },
    ]);
    assert.deepEqual(kindsOf(conversion), ['connectionCopied', 'credentialsMissing']);
  });

  it('keeps a broker that a node of another package uses, under whatever field', () => {
    const foreign = { id: 'f1', type: 'other-mqtt', z: 'tab1', settings: { server: ['b1'] } };
    const conversion = convert([subscriber, broker, foreign]);
    assert.equal(nodeIn(conversion, 'b1').type, 'mqtt-broker');
    assert.equal(nodeIn(conversion, 'in1')['broker'], COPY_ID);
  });

  it('takes another id where the new one is taken', () => {
    const fresh = ['in1', 'out1', 'free'];
    const newId = (): string => fresh.shift() ?? assert.fail('asked too often');
    const { nodes } = convertFlows([subscriber, publisher, broker], { only: new Set(['in1']), newId });
    assert.deepEqual(nodes.at(-1), { ...broker, id: 'free', type: 'mqtt-connection' });
  });

  it('joins the next selection to the connection made for the one before', () => {
    const named = { ...broker, clientid: 'gateway', verifyservercert: false };
    const third = { ...publisher, id: 'out2' };
    const first = convert([subscriber, publisher, third, named], ['in1']);
    const saved = first.nodes.map((node) => forgetting(node as object, 'verifyservercert'));
    const second = convert(saved, ['out1']);
    assert.equal(nodeIn(second, 'out1')['broker'], COPY_ID);
    assert.equal(second.nodes.length, first.nodes.length);
  });

  it('gives the copy a client id of its own, or one would throw the other out', () => {
    const named = { ...broker, clientid: 'gateway' };
    const taken = { ...broker, id: 'b2', clientid: 'gateway-posthorn', broker: 'elsewhere' };
    const conversion = convert([subscriber, publisher, named, taken], ['in1']);
    assert.equal(nodeIn(conversion, COPY_ID)['clientid'], 'gateway-posthorn-2');
    assert.equal(noteOf(conversion, 'clientIdChanged').clientId, 'gateway-posthorn-2');
  });

  it('says so where broker and copy take the client id from one environment variable', () => {
    const named = { ...broker, clientid: '${CLIENT}' };
    const conversion = convert([subscriber, publisher, named], ['in1']);
    assert.equal(nodeIn(conversion, COPY_ID)['clientid'], '${CLIENT}');
    assert.equal(noteOf(conversion, 'clientIdShared').variable, 'CLIENT');
  });

  it('carries credentials where the input holds them', () => {
    const credentials = { user: 'ann', password: 'secret' };
    const conversion = convert([subscriber, publisher, { ...broker, credentials }], ['in1']);
    assert.deepEqual(nodeIn(conversion, COPY_ID)['credentials'], credentials);
    assert.deepEqual(kindsOf(conversion), ['connectionCopied']);
  });

  it('reports a broker that is not part of the input', () => {
    const conversion = convert([subscriber]);
    assert.equal(nodeIn(conversion, 'in1').type, 'mqtt-in');
    assert.equal(noteOf(conversion, 'connectionMissing').broker, 'b1');
  });

  it('reports a node without a broker', () => {
    assert.deepEqual(kindsOf(convert([{ ...subscriber, broker: '' }])), ['noConnection']);
    assert.deepEqual(kindsOf(convert([{ id: 'in1', type: 'mqtt in' }])), ['noConnection']);
  });

  it('reports a broker that comes from an environment variable', () => {
    const conversion = convert([{ ...subscriber, broker: '${BROKER}' }]);
    assert.equal(noteOf(conversion, 'connectionFromVariable').variable, 'BROKER');
  });
});

describe('converting TLS', () => {
  const verified: readonly [string, object][] = [
    ['a TLS configuration, which decides for both', { usetls: true, tls: 't1' }],
    ['a broker that verified by the old tick', { usetls: true, verifyservercert: true }],
    ['the old tick as text', { usetls: 'true', verifyservercert: 'true' }],
    ['no TLS', { usetls: false, verifyservercert: false }],
    ['a URL without TLS, whatever is ticked', { usetls: true, broker: 'mqtt://host' }],
  ];
  for (const [what, fields] of verified) {
    it(`has nothing to say about ${what}`, () => {
      assert.deepEqual(kindsOf(convert([{ ...broker, ...fields }])), []);
    });
  }

  const unverified: readonly [string, object][] = [
    ['TLS without a TLS configuration', { usetls: true }],
    ['an address that says mqtts://', { broker: 'mqtts://host:8883' }],
    ['an address that says wss://, whose TLS configuration was not used', { broker: 'wss://host/mqtt', tls: 't1' }],
  ];
  for (const [what, fields] of unverified) {
    it(`says that the certificate is verified now: ${what}`, () => {
      assert.deepEqual(kindsOf(convert([{ ...broker, ...fields }])), ['nowVerified']);
    });
  }
});

describe('converting what is no flow', () => {
  const strangers = [null, 7, 'text', [], {}, { id: 'x' }, { type: 'mqtt in' }, { id: '', type: 'mqtt in' }, undefined];

  it('keeps entries that are no nodes, and reports their positions', () => {
    const conversion = convert(strangers);
    assert.deepEqual(conversion.nodes, strangers);
    assert.deepEqual(
      conversion.notes,
      strangers.map((_, index) => ({ kind: 'notANode', position: index + 1 })),
    );
  });

  it('takes fields of wrong types', () => {
    const odd = [
      { id: 'in1', type: 'mqtt in', broker: { id: 7 }, name: [], topic: null, z: 9 },
      { id: 'b1', type: 'mqtt-broker', broker: 7, port: {}, clientid: [], credentials: 'none' },
      { id: 's1', type: 'subflow', env: 'none' },
      { id: 's2', type: 'subflow', env: [null, 7, { name: 1, type: 2 }] },
      { id: 'i1', type: 'subflow:', env: {} },
    ];
    assert.equal(convert(odd).changed.length, 2);
    assert.equal(convert(odd, ['in1']).changed.length, 1);
  });

  it('takes a value that is nested deeper than the stack', () => {
    let deep: unknown = 'b1';
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    const conversion = convert([subscriber, broker, { id: 'f1', type: 'other', deep }]);
    assert.equal(nodeIn(conversion, 'b1').type, 'mqtt-broker');
  });
});

function forgetting(node: object, field: string): object {
  return Object.fromEntries(Object.entries(node).filter(([name]) => name !== field));
}
