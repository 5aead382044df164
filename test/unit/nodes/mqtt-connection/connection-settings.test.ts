import assert from 'node:assert/strict';
import type { StoredConnection } from '../../../../nodes/common/config.ts';
import { ConnectionSettings } from '../../../../nodes/mqtt-connection/connection-settings.ts';
import { MemoryStore } from '../../../../src/index.ts';

function settings(stored: StoredConnection): ConnectionSettings {
  return new ConnectionSettings(stored, {
    login: { username: 'ann', password: 'secret' },
    tls: () => undefined,
    generatedClientId: 'generated',
    reconnectTime: undefined,
    store: () => new MemoryStore(),
  });
}

/** The login with which the connection is made after a message with this `msg.broker`. */
function loginAfter(stored: StoredConnection, broker: Readonly<Record<string, unknown>>) {
  const changed = settings(stored);
  changed.override(broker);
  const { username, password } = changed.options();
  return { username, password };
}

const STORED = { username: 'ann', password: 'secret' };
const NONE = { username: undefined, password: undefined };

describe('the stored login', () => {
  const own: StoredConnection = { broker: 'home.example', port: '1883' };
  const rows: readonly (readonly [string, object, object])[] = [
    ['goes to its host', {}, STORED],
    ['goes to another port of its host', { port: 8884 }, STORED],
    ['goes to its host in other letters, or as a URL', { url: 'mqtts://HOME.example:8883' }, STORED],
    ['does not go to another host', { broker: 'elsewhere.example' }, NONE],
    ['does not go to another host by a URL', { url: 'mqtt://elsewhere.example' }, NONE],
    [
      'does not go to another host with half a login',
      { broker: 'elsewhere.example', username: 'bob' },
      { username: 'bob', password: undefined },
    ],
    [
      'gives way to that of the message',
      { broker: 'elsewhere.example', username: 'bob', password: 'b' },
      { username: 'bob', password: 'b' },
    ],
  ];
  for (const [what, broker, login] of rows) {
    it(what, () => assert.deepEqual(loginAfter(own, broker as Readonly<Record<string, unknown>>), login));
  }

  it('is there again when a later message goes back to its host', () => {
    const changed = settings(own);
    changed.override({ broker: 'elsewhere.example' });
    changed.override({ broker: 'home.example' });
    assert.equal(changed.options().password, 'secret');
  });
});

describe('what decides what a connection is', () => {
  /** Of a connection by TLS, with these certificates. */
  function essence(ca: string, stored: StoredConnection = {}, usetls = true): object {
    const sources = {
      login: { username: 'ann', password: 'secret' },
      tls: () => ({ ca: Buffer.from(ca) }),
      generatedClientId: String(Math.random()),
      reconnectTime: undefined,
      store: () => new MemoryStore(),
    };
    return new ConnectionSettings({ broker: 'home.example', usetls, ...stored }, sources).essence;
  }

  it('is the same for the same fields and certificates, whatever its client id is generated as', () => {
    assert.deepEqual(essence('one'), essence('one'));
  });

  it('is another one with other bytes of a certificate, where there is TLS', () => {
    assert.notDeepEqual(essence('one'), essence('two'));
    assert.deepEqual(essence('one', {}, false), essence('two', {}, false));
  });

  it('is another one with another field, but not by its name or by who uses it', () => {
    assert.notDeepEqual(essence('one'), essence('one', { keepalive: 5 }));
    assert.deepEqual(essence('one'), essence('one', { name: 'other', _users: ['in'] } as StoredConnection));
  });
});

describe('a second connection beside the first', () => {
  const stored: StoredConnection = {
    broker: 'home.example',
    usetls: true,
    clientid: 'flows',
    cleansession: false,
    protocolVersion: 'auto',
    sessionExpiry: '3600',
    willTopic: 'state',
    birthTopic: 'state',
    closeTopic: 'state',
    qos0Waits: true,
  };

  it('has the same server and login, and shares neither client id nor session', () => {
    const { server, username, password, clientId, cleanStart, sessionExpiryInterval, store } = settings(
      stored,
    ).secondOptions('watch', undefined);
    assert.deepEqual([server, username, password], ['mqtts://home.example:1883', 'ann', 'secret']);
    assert.deepEqual([clientId, cleanStart, sessionExpiryInterval, store], ['watch', true, 0, undefined]);
  });

  it('announces nothing, and keeps nothing for later', () => {
    const { will, birth, closing, outbox } = settings(stored).secondOptions('watch', undefined);
    assert.deepEqual([will, birth, closing, outbox], [undefined, undefined, undefined, {}]);
  });

  it('speaks the version of the first one, where that is known', () => {
    const own = settings(stored);
    assert.deepEqual(
      [own.secondOptions('watch', 4).protocolVersion, own.secondOptions('watch', undefined).protocolVersion],
      [4, 'auto'],
    );
  });

  it('has its certificates, and takes the login nowhere else', () => {
    const ca = Buffer.from('one');
    const own = new ConnectionSettings(stored, {
      login: { username: 'ann', password: 'secret' },
      tls: () => ({ ca }),
      generatedClientId: 'generated',
      reconnectTime: undefined,
      store: () => assert.fail('the store is the session of the flows'),
    });
    assert.equal(own.secondOptions('watch', 5).tls?.ca, ca);
    own.override({ broker: 'elsewhere.example' });
    assert.equal(own.secondOptions('watch', 5).password, undefined);
  });
});
