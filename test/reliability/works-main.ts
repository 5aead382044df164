// npm run works -- --kills 30 --messages 100000 --seed 7
import { parseArgs } from 'node:util';
import { optionalTool } from '../support/optional.ts';
import { type Worked, Works } from './works.ts';

const HELP = `npm run works -- [options]

Messages at QoS 1 and 2, on MQTT 3.1.1 and 5, cross mosquitto to flows that write each into a file and then acknowledge
it (mqtt-ack), while the process of Node-RED is killed again and again: what was acknowledged was done.

  --kills N      SIGKILLs of Node-RED (30)
  --messages N   of the four streams together (100000)
  --work MS      a flow works so long on a message at most (20)
  --seed N       the same seed kills at the same moments (at random)
`;

void main().catch((error: unknown) => {
  process.stderr.write(`works: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '30' },
      messages: { type: 'string', default: '100000' },
      work: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const mosquitto = optionalTool('mosquitto');
  if (mosquitto === undefined) throw new Error('mosquitto is not installed');
  process.stderr.write(`seed ${values.seed}\n`);
  const worked = await Works.run({
    mosquitto,
    kills: Number(values.kills),
    messages: Number(values.messages),
    workMs: Number(values.work),
    seed: Number(values.seed),
    say: (line) => void process.stderr.write(`${line} `),
  });
  report(worked);
}

function report(worked: readonly Worked[]): void {
  const rows = worked.map(
    ({ version, qos, published, missing, again }) =>
      `| ${version === 4 ? '3.1.1' : '5'} | ${qos} | ${published} | ${missing} | ${again} |`,
  );
  const head =
    '| MQTT | QoS | published | acknowledged and not done | done again behind a kill |\n| --- | --- | --: | --: | --: |';
  process.stdout.write(`\n${head}\n${rows.join('\n')}\n`);
  if (worked.some(({ missing }) => missing > 0)) process.exitCode = 1;
}
