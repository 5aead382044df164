import assert from 'node:assert/strict';
import { mock } from 'node:test';
import type { Node, NodeMessage } from 'node-red';
import { MqttError } from '../../../../src/index.ts';
import { countRepeatedErrors } from '../../../../nodes/mqtt-connection/repeated-errors.ts';

/** A node whose flow has a Catch node or none. */
function nodeWith({ catches }: { catches: boolean }) {
  const lines: string[] = [];
  const caught: unknown[] = [];
  const flow = {
    handleError(_node: unknown, error: unknown): boolean {
      if (catches) caught.push(error);
      return catches;
    },
  };
  class FakeNode {
    _flow = flow;
    error(error: unknown, msg?: NodeMessage): void {
      if (msg !== undefined && this._flow.handleError(this, error)) return;
      lines.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { node: new FakeNode() as unknown as Node, lines, caught };
}

/** A node of a Node-RED that keeps to itself how it finds Catch nodes. */
function bareNode() {
  const lines: unknown[] = [];
  class FakeNode {
    error(error: unknown): void {
      lines.push(error);
    }
  }
  return { node: new FakeNode() as unknown as Node, lines };
}

const offline = (topic: string): MqttError => new MqttError('offline', `not sent to ${topic}: disconnected`);

describe('errors of one kind, many in a moment', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('are one line in the log, and one more with their number', () => {
    const { node, lines } = nodeWith({ catches: false });
    countRepeatedErrors(node);
    for (let index = 0; index < 100_000; index++) node.error(offline(`t/${index}`), {});
    assert.deepEqual(lines, ['not sent to t/0: disconnected']);
    mock.timers.tick(1000);
    assert.deepEqual(lines.slice(1), ['99999 more like this, the last: not sent to t/99999: disconnected']);
  });

  it('reach Catch nodes each, and none of those the log', () => {
    const { node, lines, caught } = nodeWith({ catches: true });
    countRepeatedErrors(node);
    for (let index = 0; index < 1000; index++) node.error(offline(`t/${index}`), {});
    mock.timers.tick(1000);
    assert.equal(caught.length, 1000);
    assert.deepEqual(lines, []);
  });

  it('of two kinds are told for each, a single further one as one more', () => {
    const { node, lines } = nodeWith({ catches: false });
    countRepeatedErrors(node);
    node.error(offline('a'), {});
    node.error('another', {});
    node.error(offline('b'), {});
    mock.timers.tick(1000);
    assert.deepEqual(lines, [
      'not sent to a: disconnected',
      'another',
      '1 more like this: not sent to b: disconnected',
    ]);
  });

  it('are told anew after a quiet second', () => {
    const { node, lines } = nodeWith({ catches: false });
    countRepeatedErrors(node);
    node.error('same');
    mock.timers.tick(1000);
    node.error('same');
    assert.deepEqual(lines, ['same', 'same']);
  });

  it('of very many kinds are written as they come', () => {
    const { node, lines } = nodeWith({ catches: false });
    countRepeatedErrors(node);
    for (let index = 0; index < 150; index++) node.error(`kind ${index}`);
    for (let index = 0; index < 150; index++) node.error(`kind ${index}`);
    assert.equal(lines.length, 200);
  });

  it('are told as Node-RED does where it has no call for Catch nodes alone', () => {
    const { node, lines } = bareNode();
    countRepeatedErrors(node);
    for (let index = 0; index < 3; index++) node.error('same', {});
    assert.deepEqual(lines, ['same', 'same', 'same']);
  });

  it('are told when the node closes, and no timer stays', () => {
    const { node, lines } = nodeWith({ catches: false });
    const repeats = countRepeatedErrors(node);
    for (let index = 0; index < 3; index++) node.error('same');
    repeats.end();
    assert.deepEqual(lines, ['same', '2 more like this, the last: same']);
    mock.timers.tick(5000);
    assert.equal(lines.length, 2);
  });
});
