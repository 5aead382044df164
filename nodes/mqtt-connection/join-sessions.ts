import type { SessionIdentity, SessionStore, StoredMessage, StoredSession } from '../../src/index.ts';

type State = StoredMessage['state'];

/**
 * What is in `store` and the session that was used meanwhile become one, in `store`: its messages go first, then those of
 * `live`. What the Server knows is what `live` knows: received ids and subscriptions of before may be anything by now. An
 * id that it has released may be another message's, which would be swallowed; a subscription may be gone, and would not
 * be asked for.
 */
export function joinSessions(store: SessionStore, live: StoredSession): void {
  const there = store.load();
  if (live.identity !== undefined) takeOver(store, there, live, live.identity);
  joinWishes(store, there, live);
  const { backlog } = store;
  const last = Math.max(there.outgoing.at(-1)?.sequence ?? 0, backlog?.last ?? 0);
  const lastOrder = there.outgoing.reduce((highest, { state }) => Math.max(highest, orderOf(state)), 0);
  for (const message of live.outgoing) {
    const joined = { ...message, sequence: last + message.sequence, state: behind(message.state, lastOrder) };
    // What waits there goes first.
    if (backlog !== undefined && backlog.length > 0 && joined.state.step === 'queued')
      backlog.put(joined, waiterOf(joined));
    else store.put(joined);
  }
}

function takeOver(store: SessionStore, there: StoredSession, live: StoredSession, identity: SessionIdentity): void {
  const isSame = there.identity?.server === identity.server && there.identity.clientId === identity.clientId;
  const taken = new Set<number>(live.outgoing.flatMap(({ state }) => ('packetId' in state ? [state.packetId] : [])));
  for (const message of there.outgoing) {
    const state = besides(message.state, (id) => !isSame || taken.has(id));
    if (state === undefined) store.remove(message.sequence);
    else if (state !== message.state) store.advance({ ...message, state });
  }
  const received = new Set(live.received.map(({ packetId }) => packetId));
  for (const { packetId } of there.received) if (!received.has(packetId)) store.removeReceived(packetId);
  for (const each of live.received) store.saveReceived(each);
  const filters = new Set(live.subscriptions.map(({ filter }) => filter));
  for (const { filter } of there.subscriptions) if (!filters.has(filter)) store.removeSubscription(filter);
  for (const subscription of live.subscriptions) store.saveSubscription(subscription);
  if (!isSame) for (const { ref } of there.wishes) store.removeWish(ref);
  store.saveIdentity(identity);
}

/**
 * What is wanted by `live`, too; one that stood in for this store knows what is over of what is there, and nothing of the
 * rest. One that was used with all that there was knows all.
 */
export function joinWishes(
  store: SessionStore,
  there: Pick<StoredSession, 'wishes'>,
  live: Pick<StoredSession, 'identity' | 'wishes' | 'ended'>,
): void {
  if (live.ended !== undefined) for (const { ref, filter } of live.ended) store.removeWish(ref, filter);
  else if (live.identity !== undefined) for (const { ref } of there.wishes) store.removeWish(ref);
  for (const wish of live.wishes) store.saveWish(wish);
}

/**
 * How far a message is beside a session that has used ids since; undefined: there is nothing left to do for it.
 * Two messages cannot have one id: the earlier one is sent anew. It may come twice by that, for the Server may have it
 * already, but is never lost: its old id is answered for another message, and would be taken as its own answer. Where its
 * id is free it goes on with it; what was released may have been so in a session that the Server has no more.
 */
function besides(state: State, isTaken: (id: number) => boolean): State | undefined {
  if (state.step === 'queued') return state;
  if (isTaken(state.packetId)) return state.step === 'abandoned' ? undefined : { step: 'queued' };
  return state.step === 'released' ? { ...state, doubtful: true } : state;
}

function waiterOf({ settle }: StoredMessage): { settle: StoredMessage['settle'] } | undefined {
  return settle === undefined ? undefined : { settle };
}

/** PUBRELs leave in the order of their PUBRECs: those of before first. */
function behind(state: State, lastOrder: number): State {
  return 'order' in state ? { ...state, order: lastOrder + state.order } : state;
}

function orderOf(state: State): number {
  return 'order' in state ? state.order : 0;
}
