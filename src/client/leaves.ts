import type { TopicFilter } from '../protocol/topic.ts';

/** An UNSUBSCRIBE for a filter: by what its messages come once the Server has it, and with which identifier on. */
export interface Leave {
  readonly filter: TopicFilter;
  readonly by: { readonly cover: TopicFilter; readonly identifier: number } | undefined;
}

/** UNSUBSCRIBEs of this connection that are not answered: several of one filter that comes and goes. */
export class Leaves {
  readonly #byFilter = new Map<TopicFilter, readonly Leave[]>();

  add(leave: Leave): void {
    this.#byFilter.set(leave.filter, [...(this.#byFilter.get(leave.filter) ?? []), leave]);
  }

  has(filter: TopicFilter): boolean {
    return this.#byFilter.has(filter);
  }

  /** It was answered. True: there is no later one of this filter. */
  remove(leave: Leave): boolean {
    const rest = (this.#byFilter.get(leave.filter) ?? []).filter((other) => other !== leave);
    if (rest.length > 0) this.#byFilter.set(leave.filter, rest);
    else this.#byFilter.delete(leave.filter);
    return rest.length === 0;
  }

  /** The connection is gone: those that nobody answers any more. */
  drain(): Leave[] {
    const all = [...this.#byFilter.values()].flat();
    this.#byFilter.clear();
    return all;
  }
}
