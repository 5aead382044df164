import { shownText } from '../../src/protocol/visible.ts';
import { USAGE, parseArguments } from './arguments.ts';
import { convertFile } from './convert-file.ts';
import { FileProblem } from './file-problem.ts';
import { UsageError } from './usage-error.ts';

/** Where the command writes. */
export interface Output {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/**
 * Runs the command.
 *
 * @returns its exit code: 0 converted, 1 nothing to convert or a problem with a file, 2 wrong usage
 */
export function runCommand(words: readonly string[], { out, error }: Output): 0 | 1 | 2 {
  try {
    const parsed = parseArguments(words);
    if (parsed === 'help') {
      out(USAGE);
      return 0;
    }
    const { converted, lines } = convertFile(parsed);
    // Names, ids and paths are whatever a file held: none may steer the terminal.
    out(`${lines.map(shownText).join('\n')}\n`);
    return converted ? 0 : 1;
  } catch (problem) {
    return codeOf(problem, error);
  }
}

function codeOf(problem: unknown, error: Output['error']): 1 | 2 {
  if (problem instanceof UsageError) {
    error(`${shownText(problem.message)}\n\n${USAGE}`);
    return 2;
  }
  if (!(problem instanceof FileProblem)) throw problem;
  error(`${shownText(problem.message)}\n`);
  return 1;
}
