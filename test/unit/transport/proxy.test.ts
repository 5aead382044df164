import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { dial } from '../../../src/transport/dial.ts';

describe('a proxy of the environment that is no URL', () => {
  const before = process.env['ws_proxy'];

  afterEach(() => {
    if (before === undefined) delete process.env['ws_proxy'];
    else process.env['ws_proxy'] = before;
  });

  it('is an error that does not tell its password, in its causes neither', async () => {
    process.env['ws_proxy'] = 'http://user:secret@host:port';
    const server = { scheme: 'ws', host: 'broker.example', port: 80, path: '/' } as const;
    const options = { tls: {}, subprotocol: 'mqtt', maximumMessageSize: 1000 };
    await assert.rejects(dial(server, options, new AbortController().signal), (error) => {
      assert.match(inspect(error), /the proxy that the environment names is no URL/);
      assert.doesNotMatch(inspect(error), /secret/);
      return true;
    });
  });
});
