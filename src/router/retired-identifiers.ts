import type { PublishPacket } from '../protocol/packet.ts';
import type { Route } from './route.ts';

/** Identifiers that are remembered, the latest; of others it is not known what they were. */
const MOST_RETIRED = 1000;

/**
 * Subscription Identifiers of filters that the Server does not have any more, each with when it was asked for. Where each
 * filter stands for itself, a copy with those alone is for nobody who had a filter of his own then: his own copy comes.
 */
export class RetiredIdentifiers {
  readonly #askedAt = new Map<number, number>();

  /** Whether a message came by one of them. */
  concern({ properties }: PublishPacket): boolean {
    if (this.#askedAt.size === 0 || properties?.subscriptionIdentifiers === undefined) return false;
    return properties.subscriptionIdentifiers.some((identifier) => this.#askedAt.has(identifier));
  }

  add({ identifiers, askedAt }: Route): void {
    for (const identifier of identifiers) this.#askedAt.set(identifier, askedAt);
    for (const oldest of this.#askedAt.keys()) {
      if (this.#askedAt.size <= MOST_RETIRED) return;
      this.#askedAt.delete(oldest);
    }
  }

  has(identifier: number): boolean {
    return this.#askedAt.has(identifier);
  }

  /** When the first of these was asked for. */
  first(identifiers: readonly number[]): number {
    return Math.min(...identifiers.map((identifier) => this.#askedAt.get(identifier) ?? Infinity));
  }
}
