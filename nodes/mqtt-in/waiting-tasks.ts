import type { PublishPacket } from '../../src/index.ts';
import type { Qos0WhenFull } from '../common/acknowledge.ts';
import type { FlowTask } from './flow-task.ts';

/** Messages at QoS 0 that wait for the flow at most, and their bytes: nobody holds them back. */
export const MOST_QOS0 = 1000;
const MOST_QOS0_BYTES = 16 * 1024 * 1024;

/** What waits for a place in a flow, in order: at QoS 1 and 2 as much as the session lets wait, at QoS 0 so much at most. */
export class WaitingTasks {
  #all = new Set<FlowTask>();
  readonly #qos0 = new Set<FlowTask>();
  #qos0Bytes = 0;

  get size(): number {
    return this.#all.size;
  }

  get first(): FlowTask | undefined {
    const [first] = this.#all;
    return first;
  }

  [Symbol.iterator](): Iterator<FlowTask> {
    return this.#all.values();
  }

  add(task: FlowTask): void {
    this.#all.add(task);
    if (task.work !== undefined) return;
    this.#qos0.add(task);
    this.#qos0Bytes += bytesOf(task);
  }

  /** In front of all others. */
  addFirst(tasks: Iterable<FlowTask>): void {
    const others = [...this.#all];
    this.#all = new Set();
    for (const task of tasks) this.add(task);
    for (const task of others) this.#all.add(task);
  }

  delete(task: FlowTask): void {
    this.#all.delete(task);
    if (this.#qos0.delete(task)) this.#qos0Bytes -= bytesOf(task);
  }

  /** What has to give way for a message at QoS 0; undefined: the message itself; `none`: there is room for it. */
  whoGivesWay({ topic, payload }: PublishPacket, whenFull: Qos0WhenFull): FlowTask | undefined | 'none' {
    const isFull = this.#qos0.size >= MOST_QOS0 || this.#qos0Bytes + payload.length > MOST_QOS0_BYTES;
    if (!isFull) return 'none';
    if (whenFull === 'drop-newest' || payload.length > MOST_QOS0_BYTES) return undefined;
    if (whenFull === 'keep-latest') for (const task of this.#qos0) if (task.topic === topic) return task;
    const [oldest] = this.#qos0;
    return oldest;
  }
}

function bytesOf({ packet }: FlowTask): number {
  return packet?.payload.length ?? 0;
}
