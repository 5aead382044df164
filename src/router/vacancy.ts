import type { TopicFilter } from '../protocol/topic.ts';
import type { Receiver } from './receiver.ts';

/** Whether somebody came back to a place, with the filter by which it gets what waited. */
export type VacancyState = 'awaited' | 'given-up' | { readonly receiver: Receiver; readonly filter: TopicFilter };

/** The place of a receiver that a deploy took away and will bring back, or not. One writer: the router. */
export class Vacancy {
  /** Of the receiver that went. */
  readonly ref: string | undefined;
  #state: VacancyState = 'awaited';

  constructor(ref?: string) {
    this.ref = ref;
  }

  get state(): VacancyState {
    return this.#state;
  }

  /** The receiver is back, as another object of the same `ref`. */
  fill(receiver: Receiver, filter: TopicFilter): void {
    if (this.#state === 'awaited') this.#state = { receiver, filter };
  }

  giveUp(): void {
    if (this.#state === 'awaited') this.#state = 'given-up';
  }
}
