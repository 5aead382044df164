export type FileProblemCode =
  'missing' | 'unreadable' | 'not-json' | 'no-nodes' | 'exists' | 'same-file' | 'too-deep' | 'unwritable';

/** A file that cannot be converted or written, in a sentence that names it. */
export class FileProblem extends Error {
  override readonly name = 'FileProblem';
  readonly code: FileProblemCode;

  constructor(code: FileProblemCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
