import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import { StatusLight } from '../../../../nodes/mqtt-connection/status-light.ts';
import type { NodeStatus } from '../../../../nodes/common/status.ts';

describe('the status of a node', () => {
  it('is set when it changes, and not again while it stays', () => {
    const shown: unknown[] = [];
    const light = new StatusLight({ status: (status: unknown) => shown.push(status) } as unknown as Node);
    const failed: NodeStatus = { fill: 'red', shape: 'ring', text: 'connection refused' };
    const connected: NodeStatus = { fill: 'green', shape: 'dot', text: 'connected' };
    for (const status of [failed, { ...failed }, connected, connected, { ...failed, shape: 'dot' } as const, failed]) {
      light.show(status);
    }
    assert.deepEqual(shown, [failed, connected, { ...failed, shape: 'dot' }, failed]);
  });
});
