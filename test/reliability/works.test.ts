import assert from 'node:assert/strict';
import { optionalTool } from '../support/optional.ts';
import { Works } from './works.ts';

describe('flows that acknowledge behind their work (skipped without mosquitto)', function () {
  this.timeout(120_000);

  it('have done each message that was acknowledged, though Node-RED is killed three times', async function () {
    const mosquitto = optionalTool('mosquitto');
    if (mosquitto === undefined) return this.skip();
    const worked = await Works.run({
      mosquitto,
      kills: 3,
      messages: 2000,
      workMs: 100,
      seed: 11,
      say: () => undefined,
    });
    assert.deepEqual(
      worked.map(({ published, missing }) => [published, missing]),
      [
        [500, 0],
        [500, 0],
        [500, 0],
        [500, 0],
      ],
    );
  });
});
