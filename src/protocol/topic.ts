import { ownText } from '../util/own-text.ts';
import { MqttError } from './errors.ts';

declare const brand: unique symbol;

/** A Topic Name that keeps every rule of section 4.7: one may publish to it. */
export type TopicName = string & { readonly [brand]: 'TopicName' };

/** A Topic Filter that keeps every rule of sections 4.7 and 4.8.2: one may subscribe to it. */
export type TopicFilter = string & { readonly [brand]: 'TopicFilter' };

/** Bytes that the two-byte length of a UTF-8 Encoded String can tell (1.5.4). */
const LONGEST_STRING = 65_535;

/** Characters that cannot be more than 65,535 bytes of UTF-8, whichever they are. */
const SURELY_SHORT = LONGEST_STRING / 3;

/** Why `text` is no UTF-8 Encoded String of section 1.5.4, or undefined if it is one. */
export function whyNotEncodable(text: string): string | undefined {
  if (text.includes('\0')) return 'contains the character U+0000';
  if (!text.isWellFormed()) return 'contains a lone surrogate';
  if (text.length > SURELY_SHORT && Buffer.byteLength(text) > LONGEST_STRING) {
    return `is ${Buffer.byteLength(text)} bytes long, at most ${LONGEST_STRING} are allowed`;
  }
  return undefined;
}

/** The last Topic Name that was found good: the next message is often for the same. */
let latestTopicName = 'a' as TopicName;

/** @throws {MqttError} `invalid-topic` with the rule that is broken: [MQTT-4.7.1-1], [MQTT-4.7.3-1..3], [MQTT-1.5.4-1..2]. */
export function parseTopicName(text: string): TopicName {
  if (text === latestTopicName) return latestTopicName;
  const problem = whyNotTopicName(text);
  if (problem !== undefined) throw new MqttError('invalid-topic', `topic ${shownTopic(text)} ${problem}`);
  latestTopicName = ownText(text) as TopicName;
  return latestTopicName;
}

/** @throws {MqttError} `invalid-filter` with the rule that is broken: [MQTT-4.7.1-1..2], [MQTT-4.7.3-1..3], [MQTT-4.8.2-1..2]. */
export function parseTopicFilter(text: string): TopicFilter {
  const problem = whyNotTopicFilter(text);
  if (problem !== undefined) throw new MqttError('invalid-filter', `topic filter ${shownTopic(text)} ${problem}`);
  return text as TopicFilter;
}

/** A Shared Subscription's parts (4.8.2), or undefined for an ordinary filter. */
export function parseShare(filter: string): { readonly shareName: string; readonly filter: string } | undefined {
  if (!filter.startsWith('$share/')) return undefined;
  const end = filter.indexOf('/', '$share/'.length);
  if (end < 0) return { shareName: filter.slice('$share/'.length), filter: '' };
  return { shareName: filter.slice('$share/'.length, end), filter: filter.slice(end + 1) };
}

/** The filter that Topic Names are matched against: a Shared Subscription's without its prefix. */
export function matchedFilter(filter: TopicFilter): TopicFilter {
  return (parseShare(filter)?.filter ?? filter) as TopicFilter;
}

export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#');
}

function whyNotTopicName(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (hasWildcard(text)) return 'contains a wildcard (+ or #)';
  return whyNotEncodable(text);
}

function whyNotTopicFilter(text: string): string | undefined {
  if (text === '') return 'is empty';
  const problem = whyNotEncodable(text);
  if (problem !== undefined) return problem;
  const share = parseShare(text);
  if (share === undefined) return whyNotLevels(text);
  if (share.shareName === '' || hasWildcard(share.shareName)) return 'has an invalid share name';
  if (share.filter === '') return 'has no topic filter behind its share name';
  return whyNotLevels(share.filter);
}

function whyNotLevels(filter: string): string | undefined {
  if (!hasWildcard(filter)) return undefined;
  const levels = filter.split('/');
  for (const [index, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || index !== levels.length - 1)) {
      return 'has a # that is not alone in the last level';
    }
    if (level.includes('+') && level !== '+') return 'has a + that is not alone in its level';
  }
  return undefined;
}

/** A topic or filter in a sentence: quoted, and not longer than a person reads. */
export function shownTopic(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
