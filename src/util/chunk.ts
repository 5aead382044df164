/** Text on its way to a socket, which encodes it as UTF-8: nothing is allocated for that here. */
export interface Text {
  readonly text: string;
  /** Of its UTF-8 form; as many as it has characters, it is ASCII. */
  readonly bytes: number;
}

/** What goes to a socket. */
export type Chunk = Buffer | Text;

export function bytesOf(chunk: Chunk): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.text);
}

export function encodingOf({ text, bytes }: Text): 'latin1' | 'utf8' {
  return bytes === text.length ? 'latin1' : 'utf8';
}
