import { REASON_CODES_OF } from '../../src/protocol/packet-reason-codes.ts';

/** What a person is told of a failure. Where the code is not known, the texts have the placeholder `__code__` for it. */
export interface FailureText {
  /** The few words of a status. */
  readonly short: string;
  /** What it means. */
  readonly means: string;
  /** What to do about it. */
  readonly doThis: string;
}

/** Short, means and what to do, as a file of `texts/` has them. */
type Entry = readonly string[];
type Section = Readonly<Record<string, Entry>>;

/** What a file of `texts/` holds, one for each language. */
export interface FailureTexts {
  /** How a short text is written: with the code behind it, and with what failed before it. */
  readonly format: Readonly<Record<'code' | 'tls' | 'subscribe' | 'unsubscribe' | 'publish', string>>;
  /** What a status says of a connection that is up, and the parts of one that has numbers. */
  readonly status: Readonly<Record<StatusWords, string>>;
  /** By the code of our error. */
  readonly client: Section;
  /** By the code of the system; `other`: any that is not here. */
  readonly network: Section;
  /** By the code of OpenSSL or of the certificate check of Node.js, in capitals, or by what several of them mean. */
  readonly tls: Section;
  readonly 'plain-to-tls-port': Entry;
  readonly 'http-port': Entry;
  /** By the Reason Code, for each packet that says nothing of its own. */
  readonly reason: Section;
  readonly refused: Section;
  readonly disconnected: Section;
  readonly subscribe: Section;
  readonly unsubscribe: Section;
  readonly publish: Section;
}

export type StatusWords =
  | 'dropped'
  | 'expired'
  | 'in-flow'
  | 'late'
  | 'no-local-not-met'
  | 'not-taken'
  | 'others-wait'
  | 'queued'
  | 'tls-not-verified'
  | 'waiting';

/** The texts of a language by the id of the failure, such as `network.ECONNREFUSED`. */
export type Catalogue = ReadonlyMap<string, FailureText>;

/** Stands for a code that has no texts of its own. */
export const OTHER = 'other';

/** The packets that bring a Reason Code, by the first part of the id. */
const PACKETS = {
  refused: REASON_CODES_OF.connack,
  disconnected: REASON_CODES_OF.disconnect,
  subscribe: REASON_CODES_OF.suback,
  unsubscribe: REASON_CODES_OF.unsuback,
  publish: REASON_CODES_OF.puback,
  release: REASON_CODES_OF.pubcomp,
} as const;

export type Packet = keyof typeof PACKETS;

const PACKETS_BY_NAME = Object.entries(PACKETS) as [Packet, ReadonlySet<number>][];

const WHAT = '__what__';
const CODE = '__code__';

/** All failures that have texts of their own, and an `other` of each kind that has codes. */
export function catalogueOf(texts: FailureTexts): Catalogue {
  const { format } = texts;
  return new Map([
    ...section('client', texts.client, format),
    ...section('network', texts.network, format),
    ...section('tls', texts.tls, format),
    ['plain-to-tls-port', worded(texts['plain-to-tls-port'])],
    ['http-port', worded(texts['http-port'])],
    ...PACKETS_BY_NAME.flatMap(([packet, codes]) => reasons(packet, codes, texts)),
  ]);
}

type Row = readonly [id: string, text: FailureText];

function section(kind: 'client' | 'network' | 'tls', entries: Section, format: FailureTexts['format']): Row[] {
  const before = kind === 'tls' ? format.tls : WHAT;
  return Object.entries(entries).map(([code, entry]) => {
    const behind = code === OTHER ? format.code : WHAT;
    return [`${kind}.${code}`, worded(entry, (short) => fill(before, { what: fill(behind, { what: short }) }))];
  });
}

function reasons(packet: Packet, codes: ReadonlySet<number>, texts: FailureTexts): Row[] {
  const { format, reason } = texts;
  const own: Section = packet === 'release' ? {} : texts[packet];
  const before = packet in format ? format[packet as keyof typeof format] : WHAT;
  return [...[...codes].map(hexOf), OTHER].map((code) => {
    const shown = code === OTHER ? CODE : code;
    const entry = own[code] ?? reason[code] ?? [];
    const short = (what: string): string => fill(before, { what: fill(format.code, { what, code: shown }) });
    return [`${packet}.${code}`, worded(entry, short)];
  });
}

/** As a Reason Code stands in an id: `0x87`. */
export function hexOf(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}

function worded([short = '', means = '', doThis = '']: Entry, inStatus: (short: string) => string = same): FailureText {
  return { short: inStatus(short), means, doThis };
}

function same(text: string): string {
  return text;
}

/** A text with these of its placeholders filled, as the editor does it. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/__([a-z]+)__/g, (placeholder, name: string) => String(values[name] ?? placeholder));
}
