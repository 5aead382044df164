import { basename, dirname, extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from './usage-error.ts';

export const USAGE = `Usage: npx @posthorn/node-red-mqtt convert <flows.json> [-o <new.json>] [--force]

Writes the flows to a new file, with Node-RED's own MQTT nodes turned into those of
@posthorn/node-red-mqtt. The file with the old flows stays as it is.

  -o, --output <file>  the new file; default: flows.posthorn.json beside flows.json
  -f, --force          write the new file even if it exists
  -h, --help           show this
`;

export interface ConvertArguments {
  readonly input: string;
  readonly output: string;
  /** Whether an existing output file may be overwritten. */
  readonly force: boolean;
}

/**
 * What was typed after the name of the command; `'help'` where that is what it asks for.
 *
 * @throws UsageError saying what is wrong
 */
export function parseArguments(words: readonly string[]): ConvertArguments | 'help' {
  const { values, positionals } = parse(words);
  if (values.help === true) return 'help';
  const [command, input, ...more] = positionals;
  if (command === undefined) throw new UsageError('The command is missing: convert.');
  if (command !== 'convert') throw new UsageError(`There is no command "${command}", only convert.`);
  if (input === undefined || input === '') throw new UsageError('The file with the flows is missing.');
  if (more.length > 0) throw new UsageError(`One file at a time: "${more.join('", "')}" is too many.`);
  return { input, output: values.output ?? besides(input), force: values.force === true };
}

function parse(words: readonly string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        output: { type: 'string', short: 'o' },
        force: { type: 'boolean', short: 'f' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

interface Values {
  readonly output?: string | undefined;
  readonly force?: boolean | undefined;
  readonly help?: boolean | undefined;
}

function besides(input: string): string {
  const extension = extname(input);
  return join(dirname(input), `${basename(input, extension)}.posthorn${extension || '.json'}`);
}
