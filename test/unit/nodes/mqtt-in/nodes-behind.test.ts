import assert from 'node:assert/strict';
import type { Node, NodeAPI } from 'node-red';
import { NodesBehind } from '../../../../nodes/mqtt-in/nodes-behind.ts';

interface Def {
  readonly id: string;
  readonly type: string;
  readonly wires?: readonly (readonly string[])[];
  readonly links?: readonly string[];
  readonly linkType?: string;
}

/** What runs, and how often all of it was gone through. */
class Runtime {
  readonly #running: Map<string, Def>;
  passes = 0;

  constructor(defs: readonly Def[]) {
    this.#running = new Map(defs.map((def) => [def.id, { ...def }]));
  }

  /** A deploy makes it anew. */
  replace(id: string): void {
    const def = this.#running.get(id);
    if (def !== undefined) this.#running.set(id, { ...def });
  }

  get nodes(): NodeAPI['nodes'] {
    const getNode = (id: string): unknown => this.#running.get(id) ?? null;
    const eachNode = (visit: (def: Def) => void): void => {
      this.passes += 1;
      for (const def of this.#running.values()) visit(def);
    };
    return { getNode, eachNode } as unknown as NodeAPI['nodes'];
  }

  behind(id: string, follows = true): NodesBehind {
    return new NodesBehind(this.#running.get(id) as unknown as Node, this.nodes, follows);
  }
}

const CALLS: readonly Def[] = [
  { id: 'in', type: 'mqtt-in', wires: [['call', 'other']] },
  { id: 'call', type: 'link call', linkType: 'static', links: ['called'], wires: [[]] },
  { id: 'other', type: 'link call', linkType: 'static', links: ['called'], wires: [[]] },
  { id: 'called', type: 'link in', wires: [['far']] },
  { id: 'far', type: 'debug', wires: [] },
];

describe('What is behind an mqtt-in when a deploy begins', () => {
  it('is found by going through the flows once, however many nodes ask and however many Link Call nodes they lead to', async () => {
    const runtime = new Runtime(CALLS);
    const all = Array.from({ length: 20 }, () => runtime.behind('in'));
    for (const behind of all) behind.stopping();
    assert.equal(runtime.passes, 1);
    assert.ok(all.every((behind) => behind.allStay));
    runtime.replace('far');
    assert.ok(all.every((behind) => behind.stay && !behind.allStay));
    await Promise.resolve();
    for (const behind of all) behind.stopping();
    assert.equal(runtime.passes, 2, 'the next deploy may have others');
  });

  it('is looked for no further than its wires where nobody asks for more', () => {
    const runtime = new Runtime(CALLS);
    const behind = runtime.behind('in', false);
    behind.stopping();
    assert.deepEqual([runtime.passes, behind.stay], [0, true]);
    runtime.replace('call');
    assert.equal(behind.stay, false);
  });

  it('is followed no further than a thousand nodes', () => {
    const chain: Def[] = Array.from({ length: 1100 }, (_, index) => ({
      id: `n${index}`,
      type: 'function',
      wires: [[`n${index + 1}`]],
    }));
    const runtime = new Runtime(chain);
    const behind = runtime.behind('n0');
    behind.stopping();
    runtime.replace('n1050');
    assert.equal(behind.allStay, true);
    runtime.replace('n900');
    assert.equal(behind.allStay, false);
  });
});
