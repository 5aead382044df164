import assert from 'node:assert/strict';

/** A value with its labels. */
export interface ParsedSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a scrape brought. */
export interface ParsedMetrics {
  /** `COUNTER`, `GAUGE` or `HISTOGRAM` by the name of each family. */
  readonly types: ReadonlyMap<string, string>;
  readonly samples: ReadonlyMap<string, readonly ParsedSample[]>;
}

/** The parser's families; of their values it joins those of histograms, whatever their labels. */
type Parse = (text: string) => readonly { readonly name: string; readonly type: string; readonly help: string }[];

// The grammar of the text format 0.0.4, line by line: the parser takes much that Prometheus does not.
const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? ([+-]?(?:Inf|[0-9.]+(?:e[+-]?[0-9]+)?))$`);
const COMMENT = new RegExp(`^# (?:HELP ${NAME} .+|TYPE ${NAME} (?:counter|gauge|histogram))$`);

/** Reads the text format of Prometheus, by a parser that is not ours and by the grammar. @throws where it is none. */
export async function parsedMetrics(text: string): Promise<ParsedMetrics> {
  assert.ok(text.endsWith('\n'));
  const families = (await parser())(text);
  const samples = new Map<string, ParsedSample[]>();
  for (const line of text.split('\n')) {
    if (line === '' || COMMENT.test(line)) continue;
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? assert.fail(`no sample: ${line}`);
    const sample = { labels: labelsIn(labels), value: Number(value.replace('Inf', 'Infinity')) };
    samples.set(name, [...(samples.get(name) ?? []), sample]);
  }
  return { types: new Map(families.map(({ name, type }) => [name, type])), samples };
}

async function parser(): Promise<Parse> {
  // It brings no types.
  const name: string = 'parse-prometheus-text-format';
  const { default: loaded } = (await import(name)) as { readonly default: Parse | { readonly default: Parse } };
  return typeof loaded === 'function' ? loaded : loaded.default;
}

function labelsIn(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"/g)) {
    labels[name] = value.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
  }
  return labels;
}
