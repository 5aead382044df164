// npm run reliability -- --cuts 50 --restarts 10 --deploys 10 --stops 5 --rate 40
import { parseArgs } from 'node:util';
import { optionalTool } from '../support/optional.ts';
import { brokenPromises, type Entry } from './ledger.ts';
import { LongRun } from './long-run.ts';
import { asTable } from './table.ts';

const HELP = `npm run reliability -- [options]

Lets messages cross mosquitto in both directions, over kept and clean sessions of MQTT 3.1.1 and 5, while connections
are cut, the broker restarts, and flows are deployed and stopped; prints what became of them.
docs/reliability.md says what the columns mean.

  --cuts N       each of the four connections is cut so often, at any byte (50)
  --restarts N   restarts of the broker (10)
  --deploys N    deploys, by turns of nodes, of flows and of everything (10)
  --stops N      the flows are stopped and started again (5)
  --rate N       messages a second, per connection and direction (40)
  --every MS     milliseconds between two of these (1500)
  --seed N       the same seed plans the same (at random)
  --package DIR  the built package to try (this checkout)
`;

void main().catch((error: unknown) => {
  process.stderr.write(`reliability: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      cuts: { type: 'string', default: '50' },
      restarts: { type: 'string', default: '10' },
      deploys: { type: 'string', default: '10' },
      stops: { type: 'string', default: '5' },
      rate: { type: 'string', default: '40' },
      every: { type: 'string', default: '1500' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      package: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const mosquitto = optionalTool('mosquitto');
  if (mosquitto === undefined) throw new Error('mosquitto is not installed');
  const [cut, restart, deploy, stop] = [values.cuts, values.restarts, values.deploys, values.stops].map(Number);
  process.stderr.write(`seed ${values.seed}\n`);
  const entries = await LongRun.run({
    mosquitto,
    counts: { cut: cut ?? 0, restart: restart ?? 0, deploy: deploy ?? 0, stop: stop ?? 0 },
    rate: Number(values.rate),
    everyMs: Number(values.every),
    seed: Number(values.seed),
    packageFolder: values.package,
    say: (line) => void process.stderr.write(`${line} `),
  });
  report(entries);
}

function report(entries: readonly Entry[]): void {
  const broken = entries.flatMap(brokenPromises);
  process.stdout.write(`\n${asTable(entries)}\n`);
  for (const line of broken) process.stdout.write(`${line}\n`);
  process.stdout.write(broken.length === 0 ? 'every promise was kept\n' : `${broken.length} promises were broken\n`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}
