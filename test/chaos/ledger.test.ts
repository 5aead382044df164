import assert from 'node:assert/strict';
import { readLedger } from './ledger.ts';

const LIFE = '\nlife - 7 100 \n';

describe('the ledger that Node-RED writes for the breaker', () => {
  it('has a page for each stream, over all processes', () => {
    const text = `${LIFE}accepted a 1 110 \ndone a 1 120 \nfailed a 2 130 "no"\n${LIFE}received b 3 140 \naccepted a 4 150 \n`;
    const { pages, lives } = readLedger(text);
    assert.equal(lives, 2);
    assert.deepEqual(pages.get('a'), {
      accepted: [
        { number: 1, at: 110 },
        { number: 4, at: 150 },
      ],
      done: [{ number: 1, at: 120 }],
      failed: [{ number: 2, at: 130, why: 'no' }],
      received: [],
    });
    assert.deepEqual(pages.get('b')?.received, [{ number: 3, at: 140 }]);
  });

  it('may have a last line of a process that a kill cut off', () => {
    assert.equal(readLedger(`${LIFE}accepted a 1 1${LIFE}accepted a 2 1`).lives, 2);
  });

  it('may not have one anywhere else', () => {
    assert.throws(() => readLedger(`${LIFE}accepted a\naccepted a 2 150 \n`), /line 3/);
  });
});
