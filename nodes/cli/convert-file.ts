import { randomBytes } from 'node:crypto';
import { convertFlows } from '../convert/convert-flows.ts';
import type { ConvertArguments } from './arguments.ts';
import { readFlowFile, writeNewFile } from './flow-file.ts';
import { changeLines, noteLines } from './sentences.ts';

export interface FileConversion {
  /** Whether there was anything to convert; without it no file is written. */
  readonly converted: boolean;
  /** What to tell the person, line by line. */
  readonly lines: readonly string[];
}

/**
 * Reads the flows, converts them and writes the new file.
 *
 * @throws FileProblem where a file cannot be read, is none of flows, or cannot be written
 */
export function convertFile({ input, output, force }: ConvertArguments): FileConversion {
  const file = readFlowFile(input);
  const conversion = convertFlows(file.entries, { newId: () => randomBytes(8).toString('hex') });
  const notes = noteLines(conversion);
  if (conversion.changed.length === 0) {
    const nothing = `There is nothing to convert in ${input}: it holds no mqtt in, mqtt out or mqtt-broker nodes.`;
    return { converted: false, lines: [nothing, ...notes] };
  }
  writeNewFile(output, file.withEntries(conversion.nodes), { input, force });
  const lines = [...changeLines(conversion.changed), ...notes, ...credentialLines(input, output)];
  return { converted: true, lines: [...lines, `Written to ${output}. ${input} is unchanged.`] };
}

function credentialLines(input: string, output: string): string[] {
  return [
    'Usernames and passwords:',
    '  They are never part of a flow file. Node-RED keeps them beside it, by the ids of the nodes, which stay.',
    `  They stay valid where ${output} replaces ${input} in the same Node-RED.`,
    '  Where it is imported instead, or goes to another Node-RED, enter them again in each connection.',
  ];
}
