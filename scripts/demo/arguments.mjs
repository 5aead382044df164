import { parseArgs } from 'node:util';

export const HELP = `Usage: npm start -- [--broker URL] [--port NUMBER] [--reset] [--help]

Starts an MQTT broker and Node-RED with these nodes and an example flow, in a user directory of its own (.demo/).

  --broker URL    use this broker instead of the built-in one, for example mqtt://192.168.1.10:1883;
                  mqtt, mqtts, ws and wss, with user:password@ before the host where the broker asks for it
  --port NUMBER   the editor's port (1880); when it is taken, the next free one
  --reset         start over: forget the changes made to the flows of an earlier start
  --help          show this text
`;

const OPTIONS = {
  broker: { type: 'string' },
  port: { type: 'string', default: '1880' },
  reset: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false, short: 'h' },
};
const BROKER_PROTOCOLS = ['mqtt:', 'mqtts:', 'ws:', 'wss:'];

/** What a person typed is wrong; the message says how, the exit code is 2. */
export class UsageError extends Error {}

/**
 * @param {string[]} args what follows the script's name
 * @returns {{ broker: URL | undefined, port: number, reset: boolean, help: boolean }}
 * @throws {UsageError}
 */
export function parseArguments(args) {
  const { broker, port, reset, help } = parse(args);
  return { broker: broker === undefined ? undefined : parseBroker(broker), port: parsePort(port), reset, help };
}

function parse(args) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error.message.split('. ')[0], { cause: error });
  }
}

function parsePort(text) {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new UsageError(`--port takes a number from 1 to 65535, not "${text}"`);
}

function parseBroker(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && BROKER_PROTOCOLS.includes(url.protocol) && url.hostname !== '') return url;
  throw new UsageError(`--broker takes a URL such as mqtt://host:1883 (mqtt, mqtts, ws or wss), not "${text}"`);
}
