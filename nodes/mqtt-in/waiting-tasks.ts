import { type PublishPacket, sizeOf } from '../../src/index.ts';
import { InOrder } from '../../src/util/in-order.ts';
import type { Qos0WhenFull } from '../common/acknowledge.ts';
import type { FlowTask } from './flow-task.ts';

/** Messages at QoS 0 that wait for the flow at most, and their bytes, properties too: nobody holds them back. */
export const MOST_QOS0 = 1000;
const MOST_QOS0_BYTES = 16 * 1024 * 1024;

/** What waits for a place in a flow, in order: at QoS 1 and 2 as much as the session lets wait, at QoS 0 so much at most. */
export class WaitingTasks {
  readonly #all = new InOrder<FlowTask>();
  readonly #qos0 = new InOrder<FlowTask>();
  #turns = 0;
  #qos0Bytes = 0;
  /** At QoS 0, by topic. */
  readonly #latest = new Map<string, FlowTask>();
  /** At QoS 0, those that a later one to their topic replaces, the oldest first. */
  readonly #replaced = new InOrder<FlowTask>();

  get size(): number {
    return this.#all.size;
  }

  get first(): FlowTask | undefined {
    return this.#all.first;
  }

  [Symbol.iterator](): Iterator<FlowTask> {
    return this.#all[Symbol.iterator]();
  }

  /** Behind all others, or where it was before. */
  add(task: FlowTask): void {
    if (task.turn === 0) task.turn = ++this.#turns;
    this.#all.set(task.turn, task);
    if (task.work !== undefined) return;
    this.#qos0.set(task.turn, task);
    this.#qos0Bytes += bytesOf(task);
    const before = this.#latest.get(task.topic);
    // One that is given to the flow once more is older than what came meanwhile.
    const later = before !== undefined && before.turn > task.turn ? before : task;
    const earlier = later === task ? before : task;
    if (earlier !== undefined) this.#replaced.set(earlier.turn, earlier);
    this.#latest.set(task.topic, later);
  }

  delete(task: FlowTask): void {
    this.#all.delete(task.turn);
    if (!this.#qos0.delete(task.turn)) return;
    this.#qos0Bytes -= bytesOf(task);
    if (!this.#replaced.delete(task.turn)) this.#latest.delete(task.topic);
  }

  /** What has to give way for a message at QoS 0; undefined: the message itself; `none`: there is room for it. */
  whoGivesWay(packet: PublishPacket, whenFull: Qos0WhenFull): FlowTask | undefined | 'none' {
    const size = sizeOf(packet);
    const isFull = this.#qos0.size >= MOST_QOS0 || this.#qos0Bytes + size > MOST_QOS0_BYTES;
    if (!isFull) return 'none';
    if (whenFull === 'drop-newest' || size > MOST_QOS0_BYTES) return undefined;
    const oldest = this.#qos0.first;
    const replaced = this.#replaced.first ?? this.#latest.get(packet.topic);
    return whenFull === 'keep-latest' ? (replaced ?? oldest) : oldest;
  }
}

function bytesOf({ packet }: FlowTask): number {
  return packet === undefined ? 0 : sizeOf(packet);
}
