import type { ConnectionNumbers, FailureNumbers } from './connection-numbers.ts';

/** Under the editor's address. Behind the first the id of a connection, behind the second that of a watch. */
export const CONNECTIONS_PATH = 'posthorn/connections';
export const WATCHES_PATH = 'posthorn/watches';
/** Behind it the id of a connection. */
export const SEEN_TOPICS_PATH = 'posthorn/seen-topics';

/** A connection that runs, for a person. */
export interface ConnectionEntry extends ConnectionNumbers {
  readonly id: string;
  /** The node in the flows: of one inside of a subflow's instance the one inside of the subflow. */
  readonly nodeId: string;
  /** As in lists: its name, or client id and address. */
  readonly label: string;
}

export interface ConnectionsAnswer {
  /** The runtime's clock, to which all moments refer: milliseconds since the epoch. */
  readonly now: number;
  readonly connections: readonly ConnectionEntry[];
  /** So many more run. */
  readonly more: number;
}

/** What a watch of topics is to subscribe. */
export interface WatchRequest {
  readonly connection: string;
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
}

/** What the browser shows of a watch, and what a person did meanwhile. */
export interface LookRequest {
  /** The first row, and how many. */
  readonly first: number;
  readonly count: number;
  /** Rows whose topics beneath are shown from now on, or not any more; by their `id`. */
  readonly open: readonly number[];
  readonly close: readonly number[];
  /** Topics that contain this, without regard to case; empty: the tree. */
  readonly search: string;
  /** Whose value is wanted; null: nobody's. */
  readonly selected: number | null;
  /** Nothing is taken in meanwhile. */
  readonly paused: boolean;
}

export interface TestMessage {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

/** What a test message led to. */
export interface TestAnswer {
  /** undefined: the broker has it; at QoS 0: it left. */
  readonly failure?: FailureNumbers;
}

/** A level of the tree, or a topic that a search found. All texts are cut, and without unseen characters. */
export interface TopicRow {
  readonly id: number;
  /** 0: the first level. */
  readonly depth: number;
  readonly label: string;
  readonly hasChildren: boolean;
  readonly isOpen: boolean;
  /** The row of the level above; -1: there is none. */
  readonly up: number;
  /** Topics and messages, its own and those beneath. */
  readonly topics: number;
  readonly messages: number;
  /** undefined: it is only a level of longer topics. */
  readonly value: string | undefined;
  /** Milliseconds since the epoch. */
  readonly at: number | undefined;
}

/** The topic that a person looks at. */
export interface SelectedTopic {
  readonly id: number;
  /** Whole. */
  readonly topic: string;
  readonly messages: number;
  readonly at: number;
  readonly qos: 0 | 1 | 2;
  /** Whether the broker keeps its last message; undefined: before MQTT 5 it says so only of those that it had before. */
  readonly retained: boolean | undefined;
  /** Bytes of the payload; what is kept of it may be less. */
  readonly size: number;
  /** Base64. */
  readonly payload: string;
  /** Its last values, the oldest first, where they are numbers. */
  readonly numbers: readonly number[];
}

/** Where the connection of the watch is. */
export interface WatchState {
  readonly phase: ConnectionNumbers['state'];
  /** What the broker granted to the filter; undefined: it did not answer yet. */
  readonly granted: 0 | 1 | 2 | undefined;
  /** Why there is no connection, or no subscription. */
  readonly failure: FailureNumbers | undefined;
}

export interface LookAnswer {
  readonly now: number;
  readonly state: WatchState;
  readonly messages: number;
  readonly topics: number;
  /** Messages of topics for which there was no room. */
  readonly beyond: number;
  /** Messages that passed while it was paused. */
  readonly passed: number;
  /** Rows in all. */
  readonly rowCount: number;
  readonly first: number;
  readonly rows: readonly TopicRow[];
  readonly selected: SelectedTopic | undefined;
}
