// CPU time per message of the whole Node-RED process, these nodes beside Node-RED's own. See README.md.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { IMPLEMENTATIONS } from './implementations.mjs';
import { HELP, parseArguments, UsageError } from './options.mjs';
import { asTable, growth, summarise } from './report.mjs';
import { Rig } from './rig.mjs';

const QUICK_SHARE = 0.3;
const LEAST_NODE_MAJOR = 22; // Node-RED 5 refuses an older one

try {
  await main(parseArguments(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof UsageError ? `${error.message}\n\n${HELP}` : error.stack}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(options) {
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  if (Number(process.versions.node.split('.')[0]) < LEAST_NODE_MAJOR) {
    throw new Error('Node-RED 5 needs Node.js 22 or newer: start it by "npm run bench", which brings one');
  }
  const report = await measureAll(options);
  await save(report);
  process.stdout.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : asTable(report.results));
}

async function measureAll(options) {
  const results = [];
  for (const benchCase of options.cases) {
    process.stderr.write(`${benchCase.title} …\n`);
    results.push(summarise(benchCase, await measureCase(benchCase, options)));
  }
  return { ...(await surroundings()), quick: options.quick, rounds: options.rounds, growth: growth(results), results };
}

async function measureCase(benchCase, { rounds, quick }) {
  const rigs = new Map();
  try {
    for (const implementation of implementationsFor(benchCase)) {
      const messages = benchCase.messages[implementation.name] ?? benchCase.messages.core;
      const count = Math.ceil(messages * (quick ? QUICK_SHARE : 1));
      rigs.set(implementation.name, await Rig.start(implementation, benchCase, count));
    }
    return await alternate(rigs, rounds);
  } finally {
    await Promise.all([...rigs.values()].map((rig) => rig.stop()));
  }
}

/**
 * Rounds in turn, so that what disturbs the machine for a while disturbs all alike, and who begins changes with each.
 * The first round warms up and is dropped.
 */
async function alternate(rigs, rounds) {
  const windows = Object.fromEntries([...rigs.keys()].map((name) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, rig] of round % 2 === 0 ? rigs : [...rigs].toReversed()) {
      const window = await rig.measure();
      if (round > 0) {
        windows[name].push(window);
      }
    }
  }
  return windows;
}

function implementationsFor({ direction }) {
  const { core, posthorn, none } = IMPLEMENTATIONS;
  if (direction === 'none') {
    return [none];
  }
  const built = existsSync(new URL('../dist/nodes/mqtt-in/mqtt-in.js', import.meta.url));
  return built ? [core, posthorn] : [core];
}

async function surroundings() {
  const nodeRed = JSON.parse(await readFile(new URL('../node_modules/node-red/package.json', import.meta.url), 'utf8'));
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    node: process.version,
    nodeRed: nodeRed.version,
    machine: `${processors.length} × ${processors[0]?.model.trim()}`,
  };
}

async function save(report) {
  const folder = new URL('results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  const file = new URL('latest.json', folder);
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
  process.stderr.write(`saved to ${fileURLToPath(file)}\n`);
}
