import assert from 'node:assert/strict';
import { optionalTool } from '../support/optional.ts';
import { brokenPromises } from './ledger.ts';
import { LongRun } from './long-run.ts';
import { asTable } from './table.ts';

// A share of `npm run reliability`, which docs/reliability.md describes.
describe('messages cross mosquitto while it goes wrong', () => {
  it('6 cuts, a restart of the broker, 3 deploys and a stop: every promise is kept', async function () {
    const mosquitto = optionalTool('mosquitto');
    if (mosquitto === undefined) this.skip();
    this.timeout(90_000);
    const seed = Number(process.env['POSTHORN_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    const counts = { cut: 6, restart: 1, deploy: 3, stop: 1 };
    const entries = await LongRun.run({ mosquitto, counts, rate: 40, everyMs: 500, seed });
    const broken = entries.flatMap(brokenPromises);
    assert.deepEqual(broken, [], `with POSTHORN_SEED=${seed}:\n${asTable(entries)}`);
  });
});
