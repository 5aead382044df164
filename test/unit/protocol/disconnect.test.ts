import assert from 'node:assert/strict';
import { whyNotDisconnectProperties } from '../../../src/protocol/disconnect.ts';
import type { DisconnectProperties } from '../../../src/protocol/packet.ts';

describe('what a client may say in its DISCONNECT', () => {
  const allowed: readonly (readonly [what: string, properties: DisconnectProperties, connect: number])[] = [
    ['nothing', {}, 0],
    ['a reason and user properties', { reasonString: 'done', userProperties: [['name', 'value']] }, 0],
    ['that the session ends now', { sessionExpiryInterval: 0 }, 100],
    ['that it lives longer than CONNECT said', { sessionExpiryInterval: 0xffffffff }, 100],
    ['expiry 0 after 0', { sessionExpiryInterval: 0 }, 0],
    ['a reason as long as a string can be', { reasonString: 'x'.repeat(65_535) }, 0],
  ];
  for (const [what, properties, connect] of allowed) {
    it(`${what}: yes`, () => assert.equal(whyNotDisconnectProperties(properties, connect), undefined));
  }

  const refused: readonly (readonly [what: string, properties: DisconnectProperties, connect: number, why: RegExp])[] =
    [
      ['an expiry where CONNECT had none [MQTT-3.14.2.2.2]', { sessionExpiryInterval: 1 }, 0, /cannot get one/],
      ['half a second', { sessionExpiryInterval: 0.5 }, 100, /0\.5/],
      ['a negative expiry', { sessionExpiryInterval: -1 }, 100, /-1/],
      ['an expiry beyond four bytes', { sessionExpiryInterval: 2 ** 32 }, 100, /4294967296/],
      ['a reason of 70,000 bytes', { reasonString: 'x'.repeat(70_000) }, 0, /reason string is 70000 bytes/],
      ['U+0000 in a user property', { userProperties: [['name', '\0']] }, 0, /user property contains .*U\+0000/],
      ['a lone surrogate in the name of one', { userProperties: [['\ud800', '']] }, 0, /lone surrogate/],
      ['a Server Reference', { serverReference: 'elsewhere' }, 0, /Server Reference/],
    ];
  for (const [what, properties, connect, why] of refused) {
    it(`${what}: no, and why`, () => assert.match(whyNotDisconnectProperties(properties, connect) ?? '', why));
  }
});
