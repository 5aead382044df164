import assert from 'node:assert/strict';
import { crc32, crc32InScript } from '../../../src/util/crc32.ts';
import { randomFrom, wholeNumber } from '../../support/random.ts';

describe('crc32', () => {
  it('is that of zlib and PNG', () => assert.equal(crc32(Buffer.from('123456789')) >>> 0, 0xcbf43926));

  it('is the same in a Node.js without one of its own, whatever stands in front', () => {
    const random = randomFrom(7);
    for (let n = 0; n < 200; n++) {
      const bytes = Buffer.from(Array.from({ length: wholeNumber(random, 0, 300) }, () => wholeNumber(random, 0, 255)));
      const before = wholeNumber(random, 0, 2 ** 31) - 2 ** 30;
      assert.deepEqual([crc32InScript(bytes), crc32InScript(bytes, before)], [crc32(bytes), crc32(bytes, before)]);
    }
  });

  it('goes on from what stands in front', () => {
    assert.equal(crc32(Buffer.from('789'), crc32(Buffer.from('123456'))), crc32(Buffer.from('123456789')));
  });
});
