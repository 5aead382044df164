import type { PublishPacket, QoS, SubscriptionOptions, Work } from '../../src/index.ts';
import type { Copy } from './copy.ts';
import type { Judge } from './judge.ts';
import { labelOf } from './server-codec.ts';
import { coversFilter, matches } from './topics.ts';
import type { VirtualTime } from './virtual-time.ts';

/**
 * A place's subscription to one filter. A deploy takes it away (`released`) and brings it back (`returning`) or makes it
 * (`coming`): it counts from the end of the deploy.
 */
export interface Wish {
  readonly filter: string;
  readonly options: SubscriptionOptions;
  /** When the place wanted the filter first, in whichever client. */
  since: number;
  /** When the place first heard that it is granted, in whichever client. */
  granted: number;
  /** The same in milliseconds. */
  heard?: number;
  /** When the client heard of it, not counting a return after a deploy. */
  begun: number;
  state: 'active' | 'released' | 'returning' | 'coming';
}

/** What a flow's node is across deploys: who comes back to it has had what its predecessor had. */
export interface Place {
  readonly name: string;
  readonly wishes: Map<string, Wish>;
  /** Wishes of closed clients that no node gave up: the Server's session has them still. By filter. */
  readonly kept: Map<string, Pick<Wish, 'since' | 'granted'>>;
  /** By message. */
  readonly had: Map<string, number>;
  /** What it was handed in this turn: its flow has it when the turn is over. */
  handed: string[];
  /** What was taken back from it in the turn in which it was handed it: it comes again, behind what came later. */
  readonly takenBack: Set<string>;
  /** Serial of the last copy that was new to it, by session, QoS and topic. */
  readonly latest: Map<string, number>;
  /** What its flow works on, or worked on. */
  working: Working[];
}

/** A message as its flow got it, and what that does with it. */
interface Working {
  readonly label: string;
  readonly qos: QoS;
  readonly packetId: number | undefined;
  readonly work: Work;
  /** A deploy took the node away in the turn in which it got it: the next one gets it too. */
  readonly began: number;
  isTakenBack: boolean;
}

/** A message that the Server retains, and since when. */
interface Retained extends Pick<Copy, 'label' | 'topic' | 'qos'> {
  readonly since: number;
}

/** Milliseconds in which a packet reaches the Server, or its answer the client. */
const LONGEST_WAY = 200;

/** The promises about what flows receive: nothing lost, doubled only where it must be, acknowledged last, in order. */
export class Inbound {
  readonly #time: VirtualTime;
  readonly #judge: Judge;
  readonly #copies = new Map<string, Copy[]>();
  readonly #places: Place[] = [];
  /** A deploy is under way: what somebody is missing waits for its end. */
  deploying = false;
  /** The Server came back with sessions of before: who is owed what until everything is asked for again is not known. */
  isOlder = false;
  /** The Server goes on with the first No Local of a filter, of which a client knows nothing that forgot its session. */
  readonly #keepsOptions: boolean;
  #hasForgotten = false;

  constructor(time: VirtualTime, judge: Judge, keepsOptions: boolean) {
    this.#time = time;
    this.#judge = judge;
    this.#keepsOptions = keepsOptions;
  }

  place(name: string): Place {
    const place: Place = {
      name,
      wishes: new Map(),
      kept: new Map(),
      had: new Map(),
      handed: [],
      takenBack: new Set(),
      latest: new Map(),
      working: [],
    };
    this.#places.push(place);
    return place;
  }

  get places(): readonly Place[] {
    return this.#places;
  }

  /** The Server made a copy for the client. */
  routed(copy: Copy): void {
    const copies = this.#copies.get(copy.label);
    if (copies === undefined) this.#copies.set(copy.label, [copy]);
    else copies.push(copy);
  }

  /** The copy's last byte is given to the client. */
  got(copy: Copy): void {
    copy.given += 1;
    copy.handed = false;
    copy.gotMoment ??= this.#time.moment;
  }

  /** The place hears that its wish is granted. */
  granted({ wishes }: Place, filter: string): void {
    const wish = wishes.get(filter);
    if (wish === undefined || wish.granted < this.#time.moment) return;
    wish.granted = this.#time.moment;
    wish.heard = this.#time.now;
  }

  /** A deploy takes the place's node away, and what it could not hand on yet with it. */
  released(place: Place, arrived: boolean): void {
    this.deploying = true;
    if (arrived) return;
    for (const one of place.working) if (place.handed.includes(one.label)) one.isTakenBack = true;
    for (const label of place.handed) {
      place.had.set(label, (place.had.get(label) ?? 1) - 1);
      place.takenBack.add(label);
    }
    place.handed = [];
  }

  /** A deploy is over: who came counts, and who did not is gone. */
  deployed(): void {
    this.deploying = false;
    for (const { wishes, kept } of this.#places) {
      // The Server is told what nobody took up again.
      kept.clear();
      for (const [filter, wish] of wishes) {
        if (wish.state === 'released') wishes.delete(filter);
        if (wish.state === 'coming') wish.begun = this.#time.moment + 0.5;
        if (wish.state === 'coming' && wish.granted === Infinity) wish.since = this.#time.moment;
        wish.state = 'active';
      }
    }
  }

  /** Another client goes on with the session: by a filter that covers its own, only who is there from the beginning. */
  opened(): void {
    for (const { kept } of this.#places) {
      for (const [filter, { since }] of kept) kept.set(filter, { since, granted: Infinity });
    }
  }

  /** The Server begins a session: nothing is granted in it. */
  began(): void {
    for (const { wishes, kept } of this.#places) {
      for (const wish of wishes.values()) wish.granted = Infinity;
      kept.clear();
    }
  }

  /** The client is being closed, which ends the deploy. */
  closing(): void {
    for (const { wishes } of this.#places) {
      for (const wish of wishes.values()) if (wish.state !== 'released') wish.state = 'active';
    }
  }

  /** The client is closed: what waited for a deploy comes again, also to those who had it. */
  left(): void {
    for (const copies of this.#copies.values()) {
      for (const copy of copies) if ((this.deploying || this.#wasAtWork(copy)) && !copy.acknowledged) copy.given += 100;
    }
    for (const place of this.#places) place.working = [];
    this.deploying = false;
    for (const { wishes, kept } of this.#places) {
      for (const { filter, since, granted } of wishes.values()) kept.set(filter, { since, granted });
      wishes.clear();
    }
  }

  /** The client does not know any more what it had: its process was killed, or it went to another session. */
  forgotten(): void {
    this.#hasForgotten = true;
    for (const place of this.#places) place.working = [];
    for (const copies of this.#copies.values()) for (const copy of copies) if (copy.state !== 'done') copy.given += 100;
  }

  /** The process was killed, and its session is on disk: what was not acknowledged comes again. */
  killed(): void {
    for (const place of this.#places) place.working = [];
    for (const copies of this.#copies.values()) for (const copy of copies) if (!copy.acknowledged) copy.given += 100;
  }

  /** The place's flow is not done with the message when its call returns. */
  working(place: Place, { payload, qos, packetId }: PublishPacket, work: Work): void {
    const began = this.#time.moment;
    place.working.push({ label: labelOf(payload), qos, packetId, work, began, isTakenBack: false });
  }

  /** A flow refuses the message: if the Server does not hear of that, it comes again, also to those who had it. */
  refused(label: string): void {
    for (const copy of this.#copies.get(label) ?? []) if (!copy.acknowledged) copy.given += 100;
  }

  /** What flows do with the copy, by place. In two sessions it may have the same id; in an older one it may be this. */
  #worksOn({ label, packetId, gotMoment = 0 }: Copy): { readonly place: Place; readonly works: readonly Work[] }[] {
    return this.#places.map((place) => {
      const own = place.working.filter(
        (one) => one.label === label && one.packetId === packetId && (one.began >= gotMoment || this.isOlder),
      );
      return { place, works: own.map(({ work }) => work) };
    });
  }

  /** Whose flow surely works on the copy, whichever of several with its id it is. */
  #workerOf(copy: Copy): Place | undefined {
    // What is retained is sent again beside what a flow has of it.
    // So is what an older session of the Server has, which it never acknowledged.
    if (copy.stored || this.isOlder) return undefined;
    return this.#worksOn(copy).find(({ works }) => works.length > 0 && works.every(isOpen))?.place;
  }

  /** Whether some flow worked on the message when the client was closed. */
  #wasAtWork({ label }: Copy): boolean {
    return this.#places.some(({ working }) => working.some((one) => one.label === label && one.work.state !== 'ended'));
  }

  /** A receiver is called. */
  received(place: Place, label: string, packet: PublishPacket, filter: string): void {
    this.#judge.note(() => `   ${place.name} receives ${label} by ${filter}`);
    if (place.wishes.get(filter)?.state !== 'active') {
      const text = `${place.name} receives ${label} by ${filter}, which it does not have`;
      return this.#judge.violation('only who subscribed receives', text);
    }
    if (!matches(filter, packet.topic)) {
      const text = `${place.name} receives ${label} of ${packet.topic} by ${filter}`;
      return this.#judge.violation('only who subscribed receives', text);
    }
    const { qos, packetId = 0 } = packet;
    // In an older session of the Server the same id may be another copy of the message.
    if (packet.dup && !this.isOlder && isStarted(place, { label, qos, packetId })) {
      const text = `${place.name} receives ${label} once more, which its flow still works on`;
      this.#judge.violation('not started twice', text);
    }
    const copies = this.#copies.get(label) ?? [];
    for (const copy of copies) {
      if (copy.gotMoment === undefined) continue;
      copy.handedMoment ??= this.#time.moment;
      copy.handed = true;
    }
    const count = (place.had.get(label) ?? 0) + 1;
    place.had.set(label, count);
    // As Node-RED hands a message on to the next node: in a later turn.
    if (place.handed.push(label) === 1) this.#time.afterIo(() => (place.handed = []));
    this.#checkCount(place, label, count, copies);
    if (count === 1 && !place.takenBack.has(label)) this.#checkOrder(place, copies, packet, filter);
  }

  /** Whether the client knows which filters bring its own messages. */
  get isOwnKnown(): boolean {
    return !(this.#keepsOptions && (this.isOlder || this.#hasForgotten));
  }

  /** The client acknowledges the copy for the first time: everybody who should have it has it. */
  acknowledged(copy: Copy): void {
    if (copy.acknowledged) return;
    const worker = this.#workerOf(copy);
    if (worker !== undefined) {
      const text = `${copy.label} is acknowledged, and the flow of ${worker.name} works on it`;
      return this.#judge.violation('acknowledged when all are done', text);
    }
    copy.acknowledged = true;
    // Of a session that is gone nothing comes again, whatever is acknowledged.
    if (copy.stored || copy.lost || this.isOlder || !isCounted(copy.label)) return;
    if (!this.isOwnKnown && !copy.label.startsWith('p')) return;
    for (const place of this.#places) {
      const wish = this.#owed(place, copy);
      if (wish === undefined || (place.had.get(copy.label) ?? 0) > 0 || this.#comesAgain(place, copy)) continue;
      const text = `${copy.label} is acknowledged, ${place.name} has not had it (${wish.filter})`;
      return this.#judge.violation(
        wish.state === 'active' ? 'acknowledged when all have it' : 'waits for who will come back',
        text,
      );
    }
  }

  /** After a rest: every node that wanted it at that moment has it. */
  checkReached(label: string, topic: string, since: number): void {
    for (const place of this.#places) {
      const wish = [...place.wishes.values()].find(
        (one) => one.options.qos > 0 && one.begun < since && matches(one.filter, topic),
      );
      if (wish === undefined || (place.had.get(label) ?? 0) > 0) continue;
      this.#judge.violation('whoever subscribed receives', `${place.name} did not get ${label} by ${wish.filter}`);
    }
  }

  /** After a rest: the client's own message reaches who wants it, and nobody where all have No Local (3.8.3.1). */
  checkOwn(label: string, topic: string, since: number, hasNoLocal: boolean): void {
    const all = this.#places.flatMap(({ wishes }) => [...wishes.values()]);
    const isForNobody = hasNoLocal && all.every(({ options }) => options.noLocal);
    for (const place of this.#places) {
      const had = (place.had.get(label) ?? 0) > 0;
      if (had && isForNobody) this.#judge.violation('No Local', `${place.name} got ${label}, which nobody wants`);
      const wish = [...place.wishes.values()].find(
        ({ filter, options, begun }) => options.qos > 0 && !options.noLocal && begun < since && matches(filter, topic),
      );
      if (had || wish === undefined) continue;
      this.#judge.violation('whoever subscribed receives', `${place.name} did not get ${label} by ${wish.filter}`);
    }
  }

  /** After a rest: who came since has had what the Server retains, by a filter for which it `retainsFor`. */
  checkRetained({ label, topic, qos, since }: Retained, retainsFor: (filter: string) => boolean): void {
    if (qos === 0) return;
    // Where flows kept the Server from sending it, and it went back to an older session then, it may think that it did.
    if (this.isOlder && this.#places.some(({ working }) => working.length > 0)) return;
    for (const place of this.#places) {
      const wish = [...place.wishes.values()].find(
        ({ filter, options, since: wanted }) =>
          wanted > since && options.qos > 0 && options.retainHandling === 0 && retainsFor(filter),
      );
      if (wish === undefined || (place.had.get(label) ?? 0) > 0) continue;
      if (this.isOlder && this.#wasOnItsWay(label)) continue;
      // In an older session it may come under an id under which it came before.
      if (this.isOlder && this.#hadSameId(label)) continue;
      const text = `${place.name} did not get ${label}, which is retained at ${topic}, by ${wish.filter}`;
      this.#judge.violation('what is retained reaches who is new', text);
    }
  }

  /**
   * Whether what a SUBSCRIBE brings was not given yet when the Server went back to an older session: behind so much that the
   * client, when six PINGREQs were answered, held it for come.
   */
  #wasOnItsWay(label: string): boolean {
    const copies = this.#copies.get(label) ?? [];
    return copies.some(({ stored, lost, gotMoment }) => stored && lost && gotMoment === undefined);
  }

  /** Whether the client was given several copies of the message at QoS 2 under one id. */
  #hadSameId(label: string): boolean {
    const given = (this.#copies.get(label) ?? []).filter(({ qos, gotMoment }) => qos === 2 && gotMoment !== undefined);
    return new Set(given.map(({ packetId }) => packetId)).size < given.length;
  }

  /** After a rest: the Server has no filter that nobody wants. */
  checkWanted(filters: readonly string[]): void {
    const left = filters.find((filter) => !this.#places.some(({ wishes }) => wishes.has(filter)));
    if (left !== undefined) this.#judge.violation('nothing is left behind', `the Server still has ${left}`);
  }

  /** Whether the client gave the copy to somebody, and waits for nobody else. */
  isHanded(copy: Copy): boolean {
    if (!copy.handed || this.deploying || this.#worksOn(copy).some(({ works }) => works.some(isOpen))) return false;
    return this.#places.some(({ wishes }) => [...wishes.values()].some((wish) => isByItself(wish, copy)));
  }

  /** Whether the place must have had the copy before it is acknowledged, and by which wish. */
  #owed(place: Place, copy: Copy): Wish | undefined {
    const handed = copy.handedMoment ?? copy.gotMoment ?? 0;
    for (const wish of place.wishes.values()) {
      if (wish.since > copy.routed || wish.begun > handed || wish.options.qos === 0 || !isFor(wish, copy)) continue;
      if (copy.ambiguous && wish.options.retainHandling === 2) continue;
      return wish;
    }
    return undefined;
  }

  #comesAgain(place: Place, copy: Copy): boolean {
    const copies = this.#copies.get(copy.label) ?? [];
    return copies.some((other) => {
      if (other === copy || other.acknowledged || other.lost || other.stored || other.qos === 0) return false;
      return [...place.wishes.values()].some(({ filter }) => mayCover(filter, other));
    });
  }

  #checkCount(place: Place, label: string, count: number, copies: readonly Copy[]): void {
    if (!isCounted(label)) return;
    let allowed = 0;
    for (const copy of copies.filter((each) => !isForeign(place, each)))
      allowed += copy.qos === 1 ? copy.given : copy.given >= 100 ? 100 : Math.min(copy.given, 1);
    if (count <= allowed) return;
    const qos = copies[0]?.qos ?? 0;
    this.#judge.violation(
      qos === 2 ? 'QoS 2 exactly once, in' : 'one message per publication',
      `${place.name} receives ${label} (QoS ${qos}) ${count} times, the Server sent it ${allowed} times`,
    );
  }

  /** By the order in which the Server sends; a message that was published twice has no place in it. */
  #checkOrder(place: Place, copies: readonly Copy[], { topic, qos, packetId }: PublishPacket, filter: string): void {
    const copy = copies.find((one) => one.packetId === packetId && one.gotMoment !== undefined && !one.acknowledged);
    if (copy === undefined || copy.stored || !copy.label.startsWith('p')) return;
    // What came before it subscribed and comes again was not meant for it.
    const { since = 0, begun = 0 } = place.wishes.get(filter) ?? {};
    if (since > copy.routed || begun > (copy.gotMoment ?? 0)) return;
    // One for a filter that is not known any more may reach others by its topic, when it is clear that it is nobody's.
    if (copy.identifiers.length > 0 && !copy.filters.includes(filter)) return;
    const key = `${copy.session} ${qos} ${topic}`;
    const latest = place.latest.get(key) ?? 0;
    if (copy.serial < latest) {
      this.#judge.violation('order, in', `${place.name} receives ${copy.label} behind a later message of ${topic}`);
    }
    place.latest.set(key, copy.serial);
  }
}

function isOpen({ state }: Work): boolean {
  return state === 'open';
}

function isCounted(label: string): boolean {
  return /^[mrp]\d/.test(label);
}

function isFor(wish: Wish, copy: Copy): boolean {
  return covers(wish, copy) && !(wish.options.noLocal && !copy.label.startsWith('p'));
}

/**
 * Whether the copy came by a filter of others alone, when the place had its own long before the Server had that one: its
 * own copy comes. Over a session that outlives its connection brokers do not tell copies apart.
 */
function isForeign({ wishes }: Place, copy: Copy): boolean {
  if (!copy.brief || copy.identifiers.length === 0 || copy.filters.some((filter) => wishes.has(filter))) return false;
  return [...wishes.values()].some(({ filter, state, granted, heard = Infinity }) => {
    const isLong = granted < Infinity && heard + LONGEST_WAY < copy.began;
    return isLong && state === 'active' && matches(filter, copy.topic);
  });
}

/** Where copies are told apart, only what came by the wish's own filter. */
function isByItself(wish: Wish, copy: Copy): boolean {
  return isFor(wish, copy) && (copy.identifiers.length === 0 || copy.filters.includes(wish.filter));
}

/**
 * Without identifiers a copy is for every filter that matches. A filter that covers others is subscribed in their place;
 * until they are granted, it may be there for others alone.
 */
function covers({ filter, granted, options }: Wish, copy: Copy): boolean {
  if (!matches(filter, copy.topic)) return false;
  if (copy.identifiers.length === 0 || copy.filters.includes(filter)) return true;
  // Where its No Local changes it is left and asked for again; what the Server has meanwhile is for others alone.
  if (copy.brief && options.noLocal && copy.left.includes(filter)) return false;
  return granted < copy.routed && mayCover(filter, copy);
}

/** Whether the copy may be for the filter too, subscribed by itself or covered. */
function mayCover(filter: string, copy: Copy): boolean {
  if (!matches(filter, copy.topic)) return false;
  return copy.identifiers.length === 0 || copy.filters.some((subscribed) => coversFilter(subscribed, filter));
}

/** Whether its flow works on the copy under this id. */
function isStarted({ working }: Place, { label, qos, packetId }: Pick<Copy, 'label' | 'qos' | 'packetId'>): boolean {
  const own = working.filter((one) => one.label === label && one.qos === qos && one.packetId === packetId);
  return own.some(({ work, isTakenBack }) => isOpen(work) && !isTakenBack);
}
