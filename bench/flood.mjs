// How long a flood of received messages keeps everything else in Node-RED waiting. See README.md.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { IMPLEMENTATIONS } from './implementations.mjs';
import { median } from './report.mjs';
import { Rig } from './rig.mjs';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '300000' },
    work: { type: 'string', default: '50' },
    rounds: { type: 'string', default: '3' },
    package: { type: 'string', multiple: true, default: [] },
    core: { type: 'boolean', default: false },
  },
});
const CASE = {
  name: 'flood',
  direction: 'in',
  qos: 0,
  nodes: 1,
  subscriptionIds: true,
  workMicros: Number(values.work),
  watchTimers: true,
};
const { core, posthorn } = IMPLEMENTATIONS;

const rigs = new Map();
try {
  for (const implementation of implementations()) {
    rigs.set(implementation.name, await Rig.start(implementation, CASE, Number(values.messages)));
  }
  print(await alternate(Number(values.rounds)));
} finally {
  await Promise.all([...rigs.values()].map((rig) => rig.stop()));
}

function implementations() {
  const others = values.package.map((folder) => ({ ...posthorn, name: folder, folder: resolve(folder) }));
  return [{ ...posthorn, name: 'ours' }, ...others, ...(values.core ? [core] : [])];
}

/** In turn, so that what disturbs the machine disturbs all alike; the first round opens the receive window. */
async function alternate(rounds) {
  const windows = Object.fromEntries([...rigs.keys()].map((name) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, rig] of rigs) {
      const window = await rig.measure();
      if (round > 0) windows[name].push(window);
    }
  }
  return windows;
}

function print(windows) {
  process.stdout.write(
    '| build | messages a second | longest gap of a 5 ms timer, each round |\n| --- | --: | --: |\n',
  );
  for (const [name, rounds] of Object.entries(windows)) {
    const rate = median(rounds.map(({ messages, wallMicros }) => (messages / wallMicros) * 1e6));
    const gaps = rounds.map(({ longestGapMs }) => `${Math.round(longestGapMs)} ms`);
    process.stdout.write(`| ${name} | ${Math.round(rate)} | ${gaps.join(', ')} |\n`);
  }
}
