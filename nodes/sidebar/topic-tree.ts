import type { QoS } from '../../src/index.ts';
import type { SelectedTopic, TopicRow } from '../common/sidebar-answers.ts';
import { KeptValue } from './kept-value.ts';
import { shownLabel, shownValue } from './shown-value.ts';
import { Watched } from './watched-topic.ts';

/** What comes, as far as the tree is concerned. */
export interface Arrival {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** What a tree keeps at most; what is beyond is counted. */
export interface TreeLimits {
  readonly topics: number;
  /** Levels of all topics together. */
  readonly levels: number;
  /** Characters of all topics together. */
  readonly characters: number;
  /** Levels of one topic: the rest of it is one more. */
  readonly depth: number;
  /** Bytes of one value, and of all. */
  readonly value: number;
  readonly values: number;
}

export const TREE_LIMITS: TreeLimits = {
  topics: 50_000,
  levels: 150_000,
  characters: 8 * 1024 * 1024,
  depth: 100,
  value: 1024,
  values: 16 * 1024 * 1024,
};

/** A topic that was seen. */
interface Seen {
  readonly topic: string;
  readonly level: Level;
  readonly value: KeptValue;
  messages: number;
  qos: QoS;
  retained: boolean | undefined;
  /** Milliseconds since the epoch. */
  at: number;
}

/** A level of topics. */
interface Level {
  readonly id: number;
  readonly label: string;
  readonly depth: number;
  readonly above: Level | undefined;
  readonly below: Map<string, Level>;
  /** Those below in order; undefined: there is a new one. */
  sorted: readonly Level[] | undefined;
  isOpen: boolean;
  topics: number;
  messages: number;
  seen: Seen | undefined;
}

interface Found {
  readonly text: string;
  /** Of how many topics. */
  readonly of: number;
  readonly topics: readonly Seen[];
}

/** The topics that a watch has seen, with the last value of each: bounded in every direction, whatever comes. */
export class TopicTree {
  /** Whether the flag of what comes is that with which it was published: what is live too tells then what is retained. */
  retainAsPublished = true;
  readonly #limits: TreeLimits;
  readonly #root: Level;
  readonly #levels: Level[] = [];
  readonly #topics = new Map<string, Seen>();
  #characters = 0;
  #valueBytes = 0;
  #beyond = 0;
  #watched: Watched | undefined;
  #found: Found | undefined;

  constructor(limits: TreeLimits = TREE_LIMITS) {
    this.#limits = limits;
    this.#root = level(-1, '', undefined);
    this.#root.isOpen = true;
  }

  /** Messages that it took in, also those of topics for which there was no room. */
  get messages(): number {
    return this.#root.messages + this.#beyond;
  }

  get topics(): number {
    return this.#topics.size;
  }

  /** Messages of topics for which there was no room. */
  get beyond(): number {
    return this.#beyond;
  }

  /** Whole, in the order in which they came. */
  get names(): Iterable<string> {
    return this.#topics.keys();
  }

  /** @param now milliseconds since the epoch. */
  take({ topic, payload, qos, retain }: Arrival, now: number): void {
    const seen = this.#topics.get(topic) ?? this.#add(topic);
    if (seen === undefined) {
      this.#beyond += 1;
      return;
    }
    seen.messages += 1;
    seen.qos = qos;
    // An empty one clears it [MQTT-3.3.1-6].
    if (retain) seen.retained = payload.length > 0;
    else if (!this.retainAsPublished && payload.length === 0) seen.retained = undefined;
    seen.at = now;
    this.#valueBytes += seen.value.set(payload, this.#limits.values - this.#valueBytes);
    for (let at: Level | undefined = seen.level; at !== undefined; at = at.above) at.messages += 1;
    if (this.#watched?.level === seen.level.id) this.#watched.take(payload);
  }

  /** Shows what is below a level from now on, or not any more. */
  open(id: number, isOpen: boolean): void {
    const at = this.#levels[id];
    if (at !== undefined) at.isOpen = isOpen;
  }

  /** Whose value is kept with more of it, and whose numbers are remembered; null: nobody's. */
  watch(id: number | null): void {
    if (id === null) this.#watched = undefined;
    else if (this.#watched?.level !== id && this.#levels[id]?.seen !== undefined) this.#watched = new Watched(id);
  }

  get watched(): SelectedTopic | undefined {
    const seen = this.#watched === undefined ? undefined : this.#levels[this.#watched.level]?.seen;
    if (this.#watched === undefined || seen === undefined) return undefined;
    const { topic, messages, at, qos, retained, value, level } = seen;
    const payload = (this.#watched.payload ?? value.bytes).toString('base64');
    const { numbers } = this.#watched;
    return { id: level.id, topic, messages, at, qos, retained, size: value.size, payload, numbers };
  }

  /** Rows of what is open, from the top. @returns how many there are in all, and those that were asked for. */
  rows(from: number, count: number): { readonly total: number; readonly rows: TopicRow[] } {
    const rows: TopicRow[] = [];
    let total = 0;
    const walk: Walk[] = [{ levels: inOrder(this.#root), next: 0, row: -1 }];
    for (let at = walk.at(-1); at !== undefined; at = walk.at(-1)) {
      const next = at.levels[at.next];
      at.next += 1;
      if (next === undefined) {
        walk.pop();
        continue;
      }
      if (total >= from && rows.length < count) rows.push(rowOf(next, at.row));
      if (next.isOpen && next.below.size > 0) walk.push({ levels: inOrder(next), next: 0, row: total });
      total += 1;
    }
    return { total, rows };
  }

  /** Topics that contain the text, without regard to case, in their order. */
  search(text: string, from: number, count: number): { readonly total: number; readonly rows: TopicRow[] } {
    const topics = this.#search(text.toLowerCase());
    return { total: topics.length, rows: topics.slice(from, from + count).map(foundRow) };
  }

  #search(text: string): readonly Seen[] {
    if (this.#found?.text === text && this.#found.of === this.#topics.size) return this.#found.topics;
    const topics = [...this.#topics.values()].filter(({ topic }) => topic.toLowerCase().includes(text));
    topics.sort((one, other) => compare(one.topic, other.topic));
    this.#found = { text, of: this.#topics.size, topics };
    return topics;
  }

  #add(topic: string): Seen | undefined {
    const { topics, characters } = this.#limits;
    if (this.#topics.size >= topics || this.#characters + topic.length > characters) return undefined;
    const at = this.#place(topic);
    if (at === undefined) return undefined;
    const value = new KeptValue(this.#limits.value);
    const retained = this.retainAsPublished ? false : undefined;
    const seen: Seen = { topic, level: at, value, messages: 0, qos: 0, retained, at: 0 };
    at.seen = seen;
    this.#topics.set(topic, seen);
    this.#characters += topic.length;
    for (let above: Level | undefined = at; above !== undefined; above = above.above) above.topics += 1;
    return seen;
  }

  /** undefined: there is no room for its levels, and none was made. */
  #place(topic: string): Level | undefined {
    const labels = labelsOf(topic, this.#limits.depth);
    let at = this.#root;
    let known = 0;
    for (; known < labels.length; known++) {
      const next = at.below.get(labels[known] ?? '');
      if (next === undefined) break;
      at = next;
    }
    if (this.#levels.length + labels.length - known > this.#limits.levels) return undefined;
    for (const label of labels.slice(known)) at = this.#addLevel(at, label);
    return at;
  }

  #addLevel(above: Level, label: string): Level {
    const added = level(this.#levels.length, label, above);
    this.#levels.push(added);
    above.below.set(label, added);
    above.sorted = undefined;
    return added;
  }
}

/** Where a walk through what is open is. */
interface Walk {
  readonly levels: readonly Level[];
  next: number;
  /** Of the level above. */
  readonly row: number;
}

function level(id: number, label: string, above: Level | undefined): Level {
  const depth = above === undefined ? -1 : above.depth + 1;
  const below = new Map<string, Level>();
  return { id, label, depth, above, below, sorted: undefined, isOpen: false, topics: 0, messages: 0, seen: undefined };
}

/** At most `depth`, and the rest of the topic as one more. */
function labelsOf(topic: string, depth: number): string[] {
  const labels: string[] = [];
  let start = 0;
  while (labels.length < depth) {
    const end = topic.indexOf('/', start);
    if (end === -1) break;
    labels.push(topic.slice(start, end));
    start = end + 1;
  }
  labels.push(topic.slice(start));
  return labels;
}

function inOrder(at: Level): readonly Level[] {
  at.sorted ??= [...at.below.values()].sort((one, other) => compare(one.label, other.label));
  return at.sorted;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function rowOf({ id, label, depth, below, isOpen, topics, messages, seen }: Level, up: number): TopicRow {
  const rest = { topics, messages, value: seen === undefined ? undefined : shownValue(seen.value), at: seen?.at };
  return { id, depth, label: shownLabel(label), hasChildren: below.size > 0, isOpen, up, ...rest };
}

function foundRow({ topic, level: { id }, messages, value, at }: Seen): TopicRow {
  const rest = { topics: 1, messages, value: shownValue(value), at };
  return { id, depth: 0, label: shownLabel(topic), hasChildren: false, isOpen: false, up: -1, ...rest };
}
