import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from './checkout.ts';
import type { FlowNode } from './node-red.ts';

/** What a test changes in an example before it runs it: the broker, the certificates. */
export type Change = (node: FlowNode) => object | undefined;

/** An example flow, as a person imports it. */
export class Example {
  readonly nodes: readonly FlowNode[];

  private constructor(nodes: readonly FlowNode[]) {
    this.nodes = nodes;
  }

  static read(file: string): Example {
    return new Example(JSON.parse(readFileSync(join(CHECKOUT, 'examples', file), 'utf8')) as FlowNode[]);
  }

  /** The id of the flow node with this name, or of the one node of a type. */
  idOf(name: string): string {
    const found = this.nodes.filter((node) => node.type === name || (node['name'] === name && 'z' in node));
    const [only] = found;
    assert.ok(only !== undefined && found.length === 1, `one node called ${name}, not ${found.length}`);
    return only.id;
  }

  /** The same with all connections to a broker on this host. */
  atBroker(port: number): Example {
    return this.with(({ type }) =>
      type === 'mqtt-connection' ? { broker: '127.0.0.1', port: String(port) } : undefined,
    );
  }

  /** The same with other values in fields of some nodes. */
  with(change: Change): Example {
    return new Example(this.nodes.map((node) => ({ ...node, ...change(node) })));
  }

  /**
   * The same with a probe at a node's output: it publishes each message, as JSON, on a topic of a broker on this host.
   * Buffers are in it as `{"type":"Buffer","data":[…]}`.
   */
  probe(id: string, topic: string, port: number): Example {
    const [connection, probe, out] = ['connection', 'function', 'out'].map((part) => `probe-${part}-${id}`);
    const tab = this.idOf('tab');
    const func = 'return { payload: JSON.stringify({ ...msg, _msgid: undefined, error: msg.error?.message }) };';
    const wired = this.nodes.map((node) => (node.id === id ? { ...node, wires: [[...wiresOf(node), probe]] } : node));
    const added = [
      { id: connection, type: 'mqtt-connection', broker: '127.0.0.1', port: String(port), protocolVersion: '4' },
      { id: probe, type: 'function', z: tab, func, outputs: 1, wires: [[out]] },
      { id: out, type: 'mqtt-out', z: tab, topic, qos: '1', broker: connection, wires: [] },
    ];
    return new Example([...wired, ...(added as FlowNode[])]);
  }
}

function wiresOf(node: FlowNode): unknown[] {
  return (node['wires'] as unknown[][])[0] ?? [];
}
