import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { connectionOptions } from '../../../../nodes/common/config.ts';
import { serverProblem } from '../../../../nodes/editor/server-problem.ts';
import { parseServer } from '../../../../src/index.ts';

/** As the config node makes the address of the field, and the engine reads it. */
function isTaken(broker: string): boolean {
  try {
    parseServer(connectionOptions({ broker, port: 1883 }, { generatedClientId: 'x' }).server);
    return true;
  } catch {
    return false; // refused: that is the answer
  }
}

describe('the server of a connection, in its dialog', () => {
  const right = [
    'localhost',
    '127.0.0.1',
    'broker.example',
    '::1',
    '[::1]',
    ' broker.example ',
    'mqtt://host',
    'MQTTS://host:8883',
    'ssl://host:8883',
    'tcp://host',
    'tls://host',
    'ws://host:9001/mqtt?token=x',
    'wss://host/path',
    'mqtt://ann:p%40ss@host:1883',
    'mqtt://ann:p@ss@host',
    'ws://[fe80::1]:80/mqtt',
    'höst.example',
    'my_broker',
  ];
  for (const server of right) {
    it(`may be ${server}`, () => {
      assert.equal(isTaken(server), true);
      assert.equal(serverProblem(server), undefined);
    });
  }

  const wrong: readonly (readonly [string, string])[] = [
    ['http://x', 'scheme'],
    ['https://broker.example:8883', 'scheme'],
    ['mqqt://host', 'scheme'],
    ['://host', 'scheme'],
    ['mqtt://', 'address'],
    ['mqtt://:1883', 'address'],
    ['mqtt://ann@', 'address'],
    ['mqtt://host name', 'address'],
    ['localhost:1883', 'address'],
    ['host/path', 'address'],
    ['two words', 'address'],
    ['[localhost]', 'address'],
    ['mqtt://[x]', 'address'],
    ['100%', 'address'],
    ['mqtt://host:port', 'port'],
    ['mqtt://host:99999', 'port'],
  ];
  for (const [server, key] of wrong) {
    it(`may not be ${server}: ${key}`, () => {
      assert.equal(serverProblem(server)?.key, key);
      if (server !== 'host/path') assert.equal(isTaken(server), false);
    });
  }

  it('may be blank, which is another matter, and a variable of the environment', () => {
    for (const value of ['', ' ', undefined, 5, '${MQTT_HOST}']) assert.equal(serverProblem(value), undefined);
  });

  it('is told without its password', () => {
    for (const server of ['http://ann:secret@host', 'mqtt://ann:secret@host:x', 'mqtt://ann:secret@']) {
      assert.equal(JSON.stringify(serverProblem(server)).includes('secret'), false);
    }
  });

  it('is never refused where the engine takes it', () => {
    const part = fc.constantFrom(':', '/', '@', '[', ']', '::1', 'host', '.', '1883', '%41', '%', '?', '#', '-', ' ');
    const rest = fc.array(part, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''));
    const url = fc.tuple(fc.constantFrom('mqtt', 'WSS', 'ws', 'http', ''), rest).map((parts) => parts.join('://'));
    fc.assert(
      fc.property(fc.oneof(rest, url), (server) => {
        const isRefused = serverProblem(server) !== undefined;
        return !isRefused || !isTaken(server) || saysMoreThanHost(server) || hasNoHost(server);
      }),
      { numRuns: 5000 },
    );
  });
});

/** A path, a query or a login belongs to a URL: beside the field of the port nothing would come of it. */
function saysMoreThanHost(server: string): boolean {
  return !server.includes('://') && /[/?#@]/.test(server);
}

/** Of a scheme of the web, slashes too many are overlooked: what stands behind them is the host then. */
function hasNoHost(server: string): boolean {
  return /^wss?:\/\/\//i.test(server);
}
