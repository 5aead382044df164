import type { PublishPacket } from '../protocol/packet.ts';

/** Identifiers that are remembered, the latest; of others it is not known what they were. */
const MOST_RETIRED = 1000;

/**
 * Subscription Identifiers of filters that the Server does not have any more. Where each filter stands for itself, a copy
 * with those alone is for nobody who had a filter of his own before: his own copy comes.
 */
export class RetiredIdentifiers {
  readonly #identifiers = new Set<number>();

  get some(): boolean {
    return this.#identifiers.size > 0;
  }

  /** Whether a message came by one of them. */
  concern({ properties }: PublishPacket): boolean {
    if (!this.some || properties?.subscriptionIdentifiers === undefined) return false;
    return properties.subscriptionIdentifiers.some((identifier) => this.#identifiers.has(identifier));
  }

  add(identifiers: readonly number[]): void {
    for (const identifier of identifiers) this.#identifiers.add(identifier);
    for (const oldest of this.#identifiers) {
      if (this.#identifiers.size <= MOST_RETIRED) return;
      this.#identifiers.delete(oldest);
    }
  }

  has(identifier: number): boolean {
    return this.#identifiers.has(identifier);
  }
}
