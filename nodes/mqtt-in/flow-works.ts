import type { FlowListener } from '../mqtt-connection/flow-events.ts';
import type { FlowWorkOptions } from '../common/acknowledge.ts';
import { FlowWork } from './flow-work.ts';

/** What the flows behind mqtt-in nodes work on, by node: it outlives a deploy, and ends with its node. */
export class FlowWorks implements Partial<FlowListener> {
  readonly #byNode = new Map<string, FlowWork>();
  /** Of nodes that are closed, and may come back until the deploy is over. */
  readonly #left = new Map<string, (acknowledged: number) => void>();

  /** Of a node that was made; {@link leave} or {@link remove} ends that. */
  of(nodeId: string, options: FlowWorkOptions): FlowWork {
    const earlier = this.#byNode.get(nodeId);
    this.#left.delete(nodeId);
    earlier?.configure(options);
    const work = earlier ?? new FlowWork(nodeId, options);
    this.#byNode.set(nodeId, work);
    return work;
  }

  /** What the flow of a node had, which does not wait for its flow any more. */
  take(nodeId: string): FlowWork | undefined {
    const work = this.#byNode.get(nodeId);
    this.#byNode.delete(nodeId);
    this.#left.delete(nodeId);
    return work;
  }

  /** The node is closed, and may come back. @param ended told how many messages are acknowledged if it does not. */
  leave(nodeId: string, ended: (acknowledged: number) => void): void {
    if (this.#byNode.has(nodeId)) this.#left.set(nodeId, ended);
  }

  /** The node is gone. @returns how many messages are acknowledged by that. */
  remove(nodeId: string): number {
    return this.take(nodeId)?.end().acknowledged ?? 0;
  }

  /** A deploy is over: nodes that did not come back are gone. Where nothing was started, they may come yet. */
  started(): void {
    for (const [nodeId, ended] of this.#left) ended(this.remove(nodeId));
  }
}

/** Of this process: a handle is good for whichever runtime sends it. */
export const flowWorks = new FlowWorks();
