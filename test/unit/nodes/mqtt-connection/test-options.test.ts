import assert from 'node:assert/strict';
import type { StoredConnection } from '../../../../nodes/common/config.ts';
import type { TestRequest } from '../../../../nodes/common/test-answer.ts';
import { ConnectionSettings } from '../../../../nodes/mqtt-connection/connection-settings.ts';
import { namesVariable, testOptions } from '../../../../nodes/mqtt-connection/test-options.ts';
import { testRequest } from '../../../../nodes/mqtt-connection/test-request.ts';
import { MemoryStore, MqttError, type TlsOptions } from '../../../../src/index.ts';

const REQUEST: TestRequest = { id: 'c', fields: {}, tls: '', user: '', password: '' };
const STORED = '__PWRD__';

/** A deployed connection whose stored password is `secret`. */
function deployed(stored: StoredConnection, tls: () => TlsOptions | undefined = () => undefined): ConnectionSettings {
  return new ConnectionSettings(stored, {
    login: { username: 'ann', password: 'secret' },
    tls,
    generatedClientId: 'generated',
    reconnectTime: undefined,
    store: () => new MemoryStore(),
  });
}

/** The password with which is tested what is entered, where the dialog does not know the stored one. */
function passwordOf(home: ConnectionSettings, fields: TestRequest['fields'], tls: TlsOptions = {}): string | undefined {
  const sources = {
    resolve: (text: string) => text,
    tls: () => tls,
    passwordFor: home.passwordFor.bind(home),
  };
  const { options, password } = testOptions({ ...REQUEST, fields, password: STORED }, sources);
  assert.equal(password, options.password === undefined ? 'withheld' : 'stored');
  return options.password;
}

describe('The stored password in a test', () => {
  const plain = deployed({ broker: 'home.example', port: '1883' });
  const secure = deployed({ broker: 'home.example', port: '8883', usetls: true });
  const rows: readonly (readonly [string, ConnectionSettings, TestRequest['fields'], boolean])[] = [
    ['goes to the server that it was stored for', plain, { broker: 'home.example', port: '1883' }, true],
    ['goes there by another writing', plain, { broker: 'mqtt://HOME.example' }, true],
    ['goes there better protected', plain, { broker: 'home.example', port: 1883, usetls: true }, true],
    ['does not go to another host', plain, { broker: 'evil.example', port: '1883' }, false],
    ['does not go to another port of its host', plain, { broker: 'home.example', port: '1884' }, false],
    ['does not go by a URL to another host', plain, { broker: 'mqtt://home.example@evil.example:1883' }, false],
    ['does not go in the clear', secure, { broker: 'home.example', port: '8883' }, false],
    [
      'does not go to whoever has no certificate',
      secure,
      { broker: 'home.example', port: '8883', usetls: true, verifyCertificate: false },
      false,
    ],
    ['goes to a server that has to be the one', secure, { broker: 'home.example', port: '8883', usetls: true }, true],
    ['does not go to what is no server', plain, { broker: 'http://home.example' }, false],
  ];
  for (const [what, home, fields, goes] of rows) {
    it(what, () => assert.equal(passwordOf(home, fields), goes ? 'secret' : undefined));
  }

  it('is not less protected because a TLS configuration cannot be loaded, or another one is chosen', () => {
    const broken = deployed({ broker: 'home.example', port: '8883', usetls: true }, () => {
      throw new MqttError('tls-failed', 'gone');
    });
    const fields = { broker: 'home.example', port: '8883', usetls: true };
    assert.equal(passwordOf(broken, fields), 'secret');
    assert.equal(passwordOf(broken, fields, { rejectUnauthorized: false }), undefined);
  });

  it('does not follow a message that led the connection elsewhere', () => {
    const led = deployed({ broker: 'home.example', port: '1883' });
    led.override({ broker: 'evil.example', port: 1883 });
    assert.equal(passwordOf(led, { broker: 'evil.example', port: '1883' }), undefined);
    assert.equal(passwordOf(led, { broker: 'home.example', port: '1883' }), 'secret');
  });
});

describe('What a test is made with', () => {
  const none = { resolve: (text: string) => text, tls: () => undefined, passwordFor: () => 'secret' };

  it('is the password that was entered, and not the stored one', () => {
    const { options, password } = testOptions({ ...REQUEST, user: 'ann', password: 'new' }, none);
    assert.deepEqual([options.username, options.password, password], ['ann', 'new', 'entered']);
    const empty = testOptions({ ...REQUEST, user: 'ann' }, none);
    assert.deepEqual([empty.options.password, empty.password], [undefined, 'none']);
  });

  it('is the environment, where a field is a variable and nothing else', () => {
    const names: string[] = [];
    const resolve = (text: string): string => {
      names.push(text);
      return text === '${HOST}' ? 'broker.example' : text;
    };
    const request = { ...REQUEST, fields: { broker: '${HOST}', port: '1883' }, user: 'a', password: 'b' };
    const { options } = testOptions(request, { ...none, resolve });
    assert.equal(options.server, 'mqtt://broker.example:1883');
    assert.deepEqual(names, ['${HOST}', '1883', 'a', 'b']);
    assert.ok(namesVariable(request) && namesVariable({ ...REQUEST, password: '$(P)' }));
    assert.ok(!namesVariable({ ...REQUEST, user: 'a${X}', fields: { broker: 'b', usetls: true } }));
  });

  it('takes as long as is entered, 15 s without, and a minute at most', () => {
    for (const [connectTimeout, milliseconds] of [
      ['', 15_000],
      ['7', 7000],
      [3600, 60_000],
    ] as const) {
      const { options } = testOptions({ ...REQUEST, fields: { connectTimeout } }, none);
      assert.equal(options.connectTimeout, milliseconds);
    }
  });
});

describe('A request for a test', () => {
  it('has every field of its kind', () => {
    const fields = { broker: 'b', port: 1883, usetls: true };
    assert.deepEqual(testRequest({ ...REQUEST, fields }), { ...REQUEST, fields });
  });

  const bad: readonly (readonly [string, unknown, RegExp])[] = [
    ['nothing', undefined, /the request must be a JSON object/],
    ['a list', [], /the request must be a JSON object/],
    ['no id', { ...REQUEST, id: 7 }, /id must be a text/],
    ['no fields', { ...REQUEST, fields: null }, /fields must be a JSON object/],
    ['a field that is an object', { ...REQUEST, fields: { broker: {} } }, /broker must be a text/],
    ['a field that no test reads', { ...REQUEST, fields: { willTopic: 'x' } }, /fields has "willTopic"/],
    ['a prototype', JSON.parse('{"id":"c","fields":{"__proto__":{}},"tls":"","user":"","password":""}'), /"__proto__"/],
    ['no password', { ...REQUEST, password: undefined }, /password must be a text/],
    ['a user that is too long', { ...REQUEST, user: 'x'.repeat(70_001) }, /at most 70000/],
  ];
  for (const [what, body, why] of bad) {
    it(`is refused with ${what}`, () => assert.throws(() => testRequest(body), why));
  }
});
