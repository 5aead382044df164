// npm run chaos -- --minutes 5 --seed 7
import { parseArgs } from 'node:util';
import { optionalTool } from '../support/optional.ts';
import { Breaker, type Outcome } from './breaker.ts';
import { offencesOf } from './judge.ts';
import { type FaultKind, plan } from './plan.ts';
import { asCounts, asTable } from './report.ts';

const HELP = `npm run chaos -- [options]

Lets numbered messages cross a real Node-RED with the packed package and a real mosquitto while, by a plan that the seed
decides, connections are cut and go silent, both processes are killed and restarted, flows are deployed, the disk of the
sessions is full or damaged; prints what became of the messages. test/chaos/README.md says what the columns mean.

  --minutes N    how long (2)
  --seed N       the same seed and minutes plan the same (at random)
  --rate N       messages a second, over all streams (330)
  --store S      where sessions are kept: disk, fsync or memory (disk)
  --spare KINDS  kinds of faults that are left out, by commas
  --keep DIR     write down there all that is known; a run that finds something does so anyway
  --trace        every packet too
`;

void main().catch((error: unknown) => {
  process.stderr.write(`chaos: ${whyIn(error)}\n`);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '2' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      rate: { type: 'string', default: '330' },
      store: { type: 'string', default: 'disk' },
      spare: { type: 'string', default: '' },
      keep: { type: 'string' },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const mosquitto = optionalTool('mosquitto');
  if (mosquitto === undefined) throw new Error('mosquitto is not installed');
  const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
  const spared = new Set(values.spare.split(',') as FaultKind[]);
  process.stderr.write(`seed ${seed}\n`);
  const outcome = await Breaker.run({
    mosquitto,
    seed,
    minutes,
    steps: plan(seed, minutes, spared),
    rate: Number(values.rate),
    store: values.store,
    trace: values.trace,
    signal: untilInterrupted(),
    say: (line) => void process.stderr.write(`${line}\n`),
    keep: values.keep,
  });
  report(outcome);
}

/** An interrupted wait has what interrupted it as its cause. */
function whyIn(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : (error.stack ?? error.message);
}

function untilInterrupted(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));
  return interrupted.signal;
}

function report({ verdicts, problems, counts, failures, kept }: Outcome): void {
  const offences = [...verdicts.flatMap(offencesOf), ...problems];
  process.stdout.write(`\n${asTable(verdicts)}\n${asCounts(counts)}\n`);
  for (const [why, count] of failures) process.stdout.write(`told as failed: ${count} × ${why}\n`);
  for (const line of offences) process.stdout.write(`${line}\n`);
  if (kept !== undefined) process.stdout.write(`all that is known is in ${kept}\n`);
  process.stdout.write(
    offences.length === 0 ? 'every promise was kept\n' : `${offences.length} promises were broken\n`,
  );
  process.exitCode = offences.length === 0 ? 0 : 1;
}
