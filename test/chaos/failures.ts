import type { Ledger } from './ledger.ts';

/** What flows were told of failures, in words without what differs from one to the next; and how often. */
export function failuresIn({ pages }: Ledger): Map<string, number> {
  const failures = new Map<string, number>();
  for (const [stream, { failed }] of pages) {
    for (const { why } of failed) {
      const what = `QoS ${stream.at(-1)}: ${why.replace(/mqtt:\S+/g, 'the broker').replace(topicOf(stream), 'a topic')}`;
      failures.set(what, (failures.get(what) ?? 0) + 1);
    }
  }
  return failures;
}

function topicOf(stream: string): string {
  return stream.replace(/-(in|out)-/, '/$1/');
}
