import type { ClientOptions, QoS, SubscriptionOptions } from '../../src/index.ts';
import { type Random, randomFrom, wholeNumber } from '../support/random.ts';
import type { DiskTrouble } from './disk.ts';
import type { CutMode, Direction, Manner } from './link.ts';
import type { ServerKind } from './server.ts';

/** Kinds of trouble that a run may be spared, to look at what is left. */
export const TROUBLES = [
  'birth',
  'by-topic',
  'cut',
  'disk',
  'disk-fails',
  'expiry',
  'hasty',
  'kill',
  'limit',
  'move',
  'older',
  'poison',
  'puback',
  'redeploy',
  'reenter',
  'refuse',
  'reopen',
  'repeats',
  'restart',
  'retain',
  'silent',
  'stop',
  'window',
  'work',
] as const;

export type Trouble = (typeof TROUBLES)[number];

/** What a settle callback does. `edit`: a deploy that leaves those behind the nodes. */
export type Reaction =
  'nothing' | 'publish' | 'subscribe' | 'unsubscribe' | 'redeploy' | 'edit' | 'reopen' | 'disconnect';

export type Action =
  | {
      readonly kind: 'publish';
      readonly qos: QoS;
      readonly topic: string;
      readonly count: number;
      readonly retain: boolean;
      /** `x`: the Server hangs up on it; `r`: it refuses it, if the version has words for that. */
      readonly label: 'm' | 'x' | 'r';
      readonly reaction: Reaction;
    }
  | {
      readonly kind: 'arrival';
      readonly qos: QoS;
      readonly topic: string;
      readonly count: number;
      readonly retain: boolean;
    }
  /** In one turn. */
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly nodes: readonly number[] }
  /** A node subscribes, and unsubscribes `gap` ms later; and again, while messages arrive. */
  | {
      readonly kind: 'flicker';
      readonly node: number;
      readonly gap: number;
      readonly times: number;
      readonly topic: string;
      readonly qos: QoS;
    }
  /** The nodes leave, some come back after `gap` ms, the rest is pruned `prune` ms later. */
  | {
      readonly kind: 'redeploy';
      readonly nodes: readonly number[];
      readonly back: readonly boolean[];
      readonly gap: number;
      readonly prune: number;
      /** Whether those behind the nodes stay: they have what the nodes got in the turn in which they leave. */
      readonly arrived?: boolean;
    }
  | { readonly kind: 'disconnect'; readonly gap: number; readonly hasty: boolean }
  /** Closes the client and opens a new one on the same store, perhaps with another client id. */
  | { readonly kind: 'reopen'; readonly gap: number; readonly moves: boolean }
  | { readonly kind: 'kill'; readonly gap: number }
  /** For so many milliseconds the disk fails, or hangs. */
  | { readonly kind: 'disk'; readonly trouble: DiskTrouble; readonly duration: number }
  | { readonly kind: 'cut'; readonly mode: CutMode }
  | { readonly kind: 'cut-after'; readonly direction: Direction; readonly bytes: number; readonly mode: CutMode }
  /** `older`: it is killed, and has the sessions as it last wrote them. */
  | { readonly kind: 'restart'; readonly forgets: boolean; readonly older?: boolean; readonly down: number }
  | { readonly kind: 'refuse'; readonly count: number; readonly code: number };

export interface Step {
  /** Milliseconds after the step before. */
  readonly after: number;
  readonly action: Action;
}

/** One node of the flow and what it wants. */
export interface NodePlan {
  readonly filters: readonly { readonly filter: string; readonly options: SubscriptionOptions }[];
  /** Subscribed from the beginning. */
  readonly present: boolean;
  /** What it does inside its first calls. */
  readonly reaction: Reaction;
  /** How its flow acknowledges; none: a message is its own when it has it. */
  readonly work?: WorkPlan;
}

/** A flow that says itself that it is done with a message. */
export interface WorkPlan {
  /** Milliseconds that it works on a message at most; undefined: until nothing breaks any more. */
  readonly most: number | undefined;
  /** It says so once more, sometimes. */
  readonly repeats: boolean;
  /** It refuses some, if the version has words for that. */
  readonly refuses: boolean;
}

export interface Scenario {
  readonly seed: number;
  readonly server: ServerKind;
  readonly client: Pick<
    ClientOptions,
    'protocolVersion' | 'cleanStart' | 'sessionExpiryInterval' | 'receiveMaximum' | 'maximumInflight' | 'outbox'
  >;
  /** By whom a message that a flow publishes is done; none: by the Server. */
  readonly settledBy?: 'store';
  /** Milliseconds that the session's disk takes for anything at most; none: memory. */
  readonly disk?: number;
  /** A kill is a power cut, and each batch is on the medium before it counts. */
  readonly powerCuts?: boolean;
  /** Besides the steps the process is killed when so many things have happened; the Server forgets its session then, or not. */
  readonly killedAt?: { readonly moment: number; readonly forgets: boolean };
  readonly birth: QoS | undefined;
  readonly closing: QoS | undefined;
  readonly manner: Manner;
  readonly nodes: readonly NodePlan[];
  readonly steps: readonly Step[];
}

/** More than any run needs; JSON has no Infinity. */
export const NO_LIMIT = 65_535;

const REACTIONS = [
  'publish',
  'publish',
  'subscribe',
  'unsubscribe',
  'redeploy',
  'edit',
  'reopen',
  'disconnect',
] as const;

export const TOPICS = ['a/1', 'a/2', 'b/1'] as const;
export const FILTERS = ['a/1', 'a/2', 'b/1', 'a/+', 'a/#', '+/1', '#'] as const;

/** The scenario of a seed: the same for ever, whichever troubles it is spared. */
export function plan(seed: number, spared: ReadonlySet<Trouble> = new Set()): Scenario {
  return new Planner(seed, spared).scenario();
}

class Planner {
  readonly #seed: number;
  readonly #spared: ReadonlySet<Trouble>;
  readonly #random: Random;

  constructor(seed: number, spared: ReadonlySet<Trouble>) {
    this.#seed = seed;
    this.#spared = spared;
    this.#random = randomFrom(seed);
  }

  scenario(): Scenario {
    const version = this.#pick([4, 5] as const);
    const kept = this.#chance(0.7);
    const scenario: Scenario = {
      seed: this.#seed,
      server: this.#server(),
      client: this.#client(version, kept),
      ...(this.#chance(0.15) && { settledBy: 'store' as const }),
      ...(this.#trouble('disk', 0.4) && { disk: this.#pick([0, 3, 30]) }),
      birth: this.#announcement(),
      closing: this.#announcement(),
      manner: this.#manner(),
      nodes: Array.from({ length: this.#whole(1, 4) }, () => this.#node()),
      steps: this.#steps(kept),
    };
    return {
      ...scenario,
      server: { ...scenario.server, ...this.#repeats(scenario) },
      ...this.#diskTrouble(scenario),
    };
  }

  /** Drawn from other numbers, as below. */
  #diskTrouble({ disk, client, steps }: Scenario): Partial<Scenario> {
    const random = randomFrom(this.#seed ^ 0x27d4eb2f);
    const whole = (least: number, most: number): number => wholeNumber(random, least, most);
    const time = (longest: number): number => (random() < 0.5 ? whole(0, 100) : whole(100, longest));
    if (disk === undefined) return {};
    const powerCuts = random() < 0.3;
    const troubled = [...steps];
    for (let rest = random() < 0.6 ? 0 : whole(1, 2); rest > 0; rest--) {
      const at = whole(0, troubled.length);
      const trouble = random() < 0.7 ? 'fails' : 'hangs';
      const fails = { after: time(100), action: { kind: 'disk', trouble, duration: time(20_000) } } as const;
      // Meanwhile the disk is back, and what is under way is as it was.
      const isAway = random() < 0.4 && !this.#spared.has('restart');
      const away = {
        after: time(100),
        action: { kind: 'restart', forgets: false, down: whole(8_000, 15_000) },
      } as const;
      const delay = isAway ? whole(9_000, 13_000) : time(20_000);
      const kill = { after: delay, action: { kind: 'kill', gap: time(400) } } as const;
      const isKilled = random() < 0.6 && client.cleanStart !== true && !this.#spared.has('kill');
      if (isKilled) troubled.splice(Math.min(troubled.length, at + whole(0, 6)), 0, kill);
      troubled.splice(at, 0, fails, ...(isAway ? [away] : []));
    }
    return { powerCuts, ...(!this.#spared.has('disk-fails') && { steps: troubled }) };
  }

  /**
   * Drawn from other numbers: what seeds are without it stays. Not with MQTT 5, which forbids it (4.4); nor with a disk,
   * where an acknowledgement may wait that the client holds for sent; nor where the id of a message that is refused is
   * another one's at once: an answer to a repetition that crosses the refusal is taken for one to that.
   */
  #repeats({ disk, server, client, nodes }: Scenario): Partial<ServerKind> {
    const random = randomFrom(this.#seed ^ 0x5bd1e995);
    if (random() > 0.4 || client.protocolVersion === 5 || disk !== undefined || this.#spared.has('repeats')) return {};
    if (server.packetIds === 'lowest' && nodes.some(({ work }) => work?.refuses === true)) return {};
    return { repeats: wholeNumber(random, 5, 500) };
  }

  #server(): ServerKind {
    return {
      copies: this.#pick(['each', 'one'] as const),
      identifiers: this.#chance(0.7),
      deliversOn: this.#pick(['publish', 'pubrel'] as const),
      answersPuback: this.#trouble('puback', 0.1),
      hangsUpBeyond: this.#trouble('limit', 0.15) ? this.#whole(1, 4) : NO_LIMIT,
      receiveMaximum: this.#pick([1, 2, 3, 10, NO_LIMIT]),
      window: this.#pick([1, 3, 20]),
      packetIds: this.#pick(['lowest', 'next'] as const),
      queuesQos0: this.#chance(0.2),
      think: this.#pick([0, 0, 5, 20]),
      keepsOptions: this.#chance(0.4),
      retainsByTopic: this.#trouble('by-topic', 0.15),
    };
  }

  #client(version: 4 | 5, kept: boolean): Scenario['client'] {
    const receiveMaximum = this.#pick([1, 2, 5, 65_535]);
    const maximumInflight = this.#pick([1, 2, 5, 100]);
    const maxMessages = this.#pick([3, 10, 1000]);
    const small = this.#chance(0.3);
    const inflight = this.#chance(0.3);
    const outbox = {
      ...(small && { maxMessages }),
      whenFull: this.#pick(['refuse', 'refuse', 'drop-oldest', 'keep-latest'] as const),
      qos0Waits: this.#chance(0.3),
      longestWait: this.#trouble('expiry', 0.15) ? this.#pick([1, 5]) : undefined,
    };
    return {
      protocolVersion: version,
      cleanStart: !kept,
      sessionExpiryInterval: kept ? 1_000_000 : 0,
      // Before MQTT 5 the Server does not hear of it.
      receiveMaximum: version === 4 && this.#spared.has('window') ? 65_535 : receiveMaximum,
      ...(inflight && { maximumInflight }),
      outbox,
    };
  }

  #announcement(): QoS | undefined {
    const qos = this.#pick([0, 1, 2] as const);
    return this.#trouble('birth', 0.3) ? qos : undefined;
  }

  #manner(): Manner {
    const leastDelay = this.#pick([0, 1, 10]);
    return {
      leastDelay,
      mostDelay: leastDelay + this.#pick([0, 1, 5, 40]),
      split: this.#pick([0, 0, 0.2, 0.5]),
      merge: this.#pick([0, 0.5, 1]),
      block: this.#pick([0, 0, 0.05]),
    };
  }

  #node(): NodePlan {
    const filters = new Map<string, SubscriptionOptions>();
    for (let rest = this.#chance(0.25) ? 2 : 1; rest > 0; rest--) filters.set(this.#pick(FILTERS), this.#options());
    return {
      filters: [...filters].map(([filter, options]) => ({ filter, options })),
      present: this.#chance(0.8),
      reaction: this.#reaction(0.08),
      ...this.#work(),
    };
  }

  #work(): { readonly work?: WorkPlan } {
    const most = this.#pick([0, 30, 300, 3000]);
    const isEndless = this.#chance(0.2);
    const work = { most: isEndless ? undefined : most, repeats: this.#chance(0.3), refuses: this.#chance(0.2) };
    return this.#trouble('work', 0.2) ? { work } : {};
  }

  #options(): SubscriptionOptions {
    return {
      qos: this.#qos(),
      noLocal: this.#chance(0.1),
      retainAsPublished: this.#chance(0.5),
      retainHandling: this.#pick([0, 0, 1, 2] as const),
    };
  }

  #steps(kept: boolean): Step[] {
    const length = this.#whole(4, 24);
    return Array.from({ length }, () => ({ after: this.#after(), action: this.#action(kept) }));
  }

  #after(): number {
    const kind = this.#random();
    if (kind < 0.35) return 0;
    if (kind < 0.8) return this.#whole(1, 60);
    return kind < 0.97 ? this.#whole(60, 1500) : this.#whole(1500, 15_000);
  }

  #action(kept: boolean): Action {
    const kind = this.#random() * 100;
    const [whole, other] = [this.#random(), this.#random()];
    const bytes = Math.floor(whole * whole * 120);
    const mode = this.#pick(['both', 'client-first', 'server-first', 'silent'] as const);
    const cutMode = mode === 'silent' && this.#spared.has('silent') ? 'both' : mode;
    const gap = Math.floor(other * other * 400);
    const nodes = [0, 1, 2, 3].filter(() => this.#chance(0.5));
    const back = [0, 1, 2, 3].map(() => this.#chance(0.8));
    const message = this.#message();
    const arrival = { ...this.#message(), kind: 'arrival' } as const;
    const one = [this.#whole(0, 3)];
    const some = this.#chance(0.3) ? [0, 1, 2, 3] : one;
    const instead = kind % 2 < 1 ? message : arrival;
    const unless = (trouble: Trouble, action: Action): Action => (this.#spared.has(trouble) ? instead : action);
    if (kind < 30) return message;
    if (kind < 58) return arrival;
    if (kind < 62) return { kind: 'subscribe', nodes: some };
    if (kind < 65) return { kind: 'unsubscribe', nodes: one };
    if (kind < 66.5) {
      const { topic, qos } = message;
      return { kind: 'flicker', node: one[0] ?? 0, gap: 1 + (gap % 60), times: 1 + Math.floor(whole * 4), topic, qos };
    }
    if (kind < 74) {
      const arrived = (kind * 10) % 1 < 0.3;
      return unless('redeploy', { kind: 'redeploy', nodes, back, gap: gap * 3, prune: bytes * 5, arrived });
    }
    if (kind < 78) return unless('stop', { kind: 'disconnect', gap, hasty: this.#trouble('hasty', 0.2) });
    if (kind < 82) return unless('reopen', { kind: 'reopen', gap, moves: kept && this.#trouble('move', 0.3) });
    if (kind < 84) return kept ? unless('kill', { kind: 'kill', gap }) : instead;
    if (kind < 88) return unless('cut', { kind: 'cut', mode: cutMode });
    if (kind < 94) {
      const direction = this.#pick(['to-server', 'to-client'] as const);
      return unless('cut', { kind: 'cut-after', direction, bytes, mode: cutMode });
    }
    if (kind < 97) {
      const older = whole > 0.7 && !this.#spared.has('older');
      return unless('restart', { kind: 'restart', forgets: whole < 0.4, older, down: gap * 10 });
    }
    return unless('refuse', { kind: 'refuse', count: this.#whole(0, 2), code: this.#pick([0, 0x8b, 0x97]) });
  }

  #message(): Extract<Action, { kind: 'publish' }> {
    const kind = this.#random();
    const label = kind < 0.04 && !this.#spared.has('poison') ? 'x' : kind > 0.95 ? 'r' : 'm';
    const count = this.#chance(0.3) ? this.#whole(2, 6) : 1;
    return {
      kind: 'publish',
      qos: this.#qos(),
      topic: this.#pick(TOPICS),
      count: label === 'x' ? 1 : count,
      retain: this.#trouble('retain', 0.1),
      label,
      reaction: this.#reaction(0.08),
    };
  }

  #reaction(chance: number): Reaction {
    const reaction = this.#pick(REACTIONS);
    return this.#trouble('reenter', chance) ? reaction : 'nothing';
  }

  #qos(): QoS {
    return this.#pick([0, 1, 1, 2, 2] as const);
  }

  /** Draws in any case: what is spared must not shift what follows. */
  #trouble(trouble: Trouble, chance: number): boolean {
    return this.#chance(chance) && !this.#spared.has(trouble);
  }

  #chance(chance: number): boolean {
    return this.#random() < chance;
  }

  #whole(least: number, most: number): number {
    return wholeNumber(this.#random, least, most);
  }

  #pick<T>(choices: readonly T[]): T {
    const choice = choices[Math.floor(this.#random() * choices.length)];
    if (choice === undefined) throw new TypeError('nothing to choose from');
    return choice;
  }
}
