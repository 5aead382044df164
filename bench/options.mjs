import { parseArgs } from 'node:util';
import { CASES } from './cases.mjs';

export const HELP = `Usage: npm run bench -- [--quick] [--case NAME]... [--rounds NUMBER] [--json] [--help]

Measures the CPU time that a message costs the whole Node-RED process, with these nodes and with Node-RED's own.

  --quick          fewer rounds and messages: under two minutes, and noisier
  --case NAME      only this case; may be given more than once
  --rounds NUMBER  measured rounds per case (default 5, quick 3)
  --json           print the results as JSON instead of a table
  --help           show this text

Cases: ${CASES.map(({ name }) => name).join(', ')}
`;

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  case: { type: 'string', multiple: true, default: [] },
  rounds: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false, short: 'h' },
};

/** What a person typed is wrong; the message says how. */
export class UsageError extends Error {}

/**
 * @param {string[]} args what follows the script's name
 * @returns {{ quick: boolean, cases: import('./cases.mjs').Case[], rounds: number, json: boolean, help: boolean }}
 * @throws {UsageError}
 */
export function parseArguments(args) {
  const values = parse(args);
  return {
    quick: values.quick,
    cases: chosen(values.case),
    rounds: values.rounds === undefined ? defaultRounds(values.quick) : wholeRounds(values.rounds),
    json: values.json,
    help: values.help,
  };
}

function parse(args) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error.message.split('. ')[0], { cause: error });
  }
}

function chosen(names) {
  const unknown = names.find((name) => CASES.every((other) => other.name !== name));
  if (unknown !== undefined) {
    throw new UsageError(`there is no case "${unknown}"`);
  }
  return names.length === 0 ? CASES : CASES.filter(({ name }) => names.includes(name));
}

function defaultRounds(quick) {
  return quick ? 3 : 5;
}

function wholeRounds(text) {
  if (/^[1-9]\d?$/.test(text)) {
    return Number(text);
  }
  throw new UsageError(`--rounds takes a number from 1 to 99, not "${text}"`);
}
