import { FilterTree } from '../router/filter-tree.ts';
import type { SubscriptionEntry } from './subscription-entry.ts';
import { wishFor, type WirePlan } from './wire-plan.ts';

/** A wanted entry, as the plan has it. */
interface Place {
  /** By whose subscription its messages come: its own, or that of a filter that covers it. */
  server: SubscriptionEntry;
  /** Those whose messages come by its own subscription. */
  readonly serves: Set<SubscriptionEntry>;
  /** Whether it may bring the messages of others: one that the Server refused covers nothing. */
  able: boolean;
}

/**
 * Without Subscription Identifiers, two filters that match one message may bring it twice. A filter that another one
 * covers stays off the wire: the other one brings its messages too. The plan is kept for one connection and changed
 * around what changed, however many other filters there are.
 */
export class CoverPlan {
  readonly #tree = new FilterTree<SubscriptionEntry>();
  readonly #places = new Map<SubscriptionEntry, Place>();
  #moved = new Set<SubscriptionEntry>();

  /** Takes up what changed with these entries, and tells what that means for the wire. */
  update(dirty: Iterable<SubscriptionEntry>): WirePlan {
    const touched = new Set<SubscriptionEntry>(dirty);
    this.#moved = new Set();
    for (const entry of dirty) {
      if (entry.wanted) this.#enter(entry, touched);
      else this.#leave(entry, touched);
    }
    return this.#planOf(touched);
  }

  /** Those whose messages come by the entry's subscription. */
  servedBy(entry: SubscriptionEntry): ReadonlySet<SubscriptionEntry> {
    return this.#places.get(entry)?.serves ?? new Set();
  }

  /** The one that covers the entry, and by whose subscription its messages come; undefined: it has its own, or none. */
  serverOf(entry: SubscriptionEntry): SubscriptionEntry | undefined {
    const server = this.#places.get(entry)?.server;
    return server === entry ? undefined : server;
  }

  #planOf(touched: ReadonlySet<SubscriptionEntry>): WirePlan {
    const off: SubscriptionEntry[] = [];
    const wishes = [...touched].flatMap((entry) => {
      const serves = this.#places.get(entry)?.serves;
      if (serves !== undefined && serves.size > 0) return [wishFor(entry, [...serves])];
      off.push(entry);
      return [];
    });
    return { wishes, off, moved: this.#moved };
  }

  #enter(entry: SubscriptionEntry, touched: Set<SubscriptionEntry>): void {
    const place = this.#places.get(entry) ?? this.#newPlace(entry);
    const able = entry.wire.state !== 'refused' && !entry.shared;
    const changed = able !== place.able;
    place.able = able;
    this.#assign(entry, touched);
    if (!changed) return;
    if (!able) this.#assignAll([...place.serves], touched);
    // What it covers has a better one already, if it is covered itself.
    else if (place.server === entry) this.#assignAll(this.#othersCovered(entry), touched);
  }

  #leave(entry: SubscriptionEntry, touched: Set<SubscriptionEntry>): void {
    const place = this.#places.get(entry);
    if (place === undefined) return;
    this.#places.delete(entry);
    if (!entry.shared) this.#tree.delete(entry.filter);
    this.#places.get(place.server)?.serves.delete(entry);
    touched.add(place.server);
    place.serves.delete(entry);
    this.#assignAll([...place.serves], touched);
  }

  #newPlace(entry: SubscriptionEntry): Place {
    const place: Place = { server: entry, serves: new Set([entry]), able: false };
    this.#places.set(entry, place);
    // The Server takes a Shared Subscription and its plain filter for two (4.8.2).
    if (!entry.shared) this.#tree.set(entry.filter, entry);
    return place;
  }

  #assignAll(entries: readonly SubscriptionEntry[], touched: Set<SubscriptionEntry>): void {
    for (const entry of entries) this.#assign(entry, touched);
  }

  /** Finds by whose subscription the entry's messages come now. */
  #assign(entry: SubscriptionEntry, touched: Set<SubscriptionEntry>): void {
    const place = this.#places.get(entry);
    if (place === undefined) return;
    const server = this.#serverFor(entry, place);
    touched.add(server).add(place.server);
    if (server !== place.server) this.#moved.add(entry);
    this.#places.get(place.server)?.serves.delete(entry);
    place.server = server;
    this.#places.get(server)?.serves.add(entry);
  }

  /**
   * The one that it has, while that is right; else one of the outermost filters that cover it, if possible one that the
   * Server has, which brings its messages already; else itself.
   */
  #serverFor(entry: SubscriptionEntry, { server }: Place): SubscriptionEntry {
    const outermost = this.#othersCovering(entry).filter((other) => this.#othersCovering(other).length === 0);
    if (outermost.includes(server)) return server;
    return outermost.find(({ wire }) => wire.state === 'granted') ?? outermost[0] ?? entry;
  }

  #othersCovered(entry: SubscriptionEntry): SubscriptionEntry[] {
    return this.#tree.covered(entry.filter).filter((other) => other !== entry);
  }

  #othersCovering(entry: SubscriptionEntry): SubscriptionEntry[] {
    if (entry.shared) return [];
    const covering = this.#tree.covering(entry.filter);
    return covering.filter((other) => other !== entry && this.#places.get(other)?.able === true);
  }
}
