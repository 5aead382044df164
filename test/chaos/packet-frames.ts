/** A packet in a stream of bytes; offsets count from the first byte of the stream. */
export interface Frame {
  /** 2.1.2. */
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/** Where packets begin and end in the bytes of one direction of a connection, whichever pieces they come in. */
export class PacketFrames {
  #offset = 0;
  #start = 0;
  #type = 0;
  #place: 'type' | 'length' | 'body' = 'type';
  #length = 0;
  #shift = 0;
  #end = 0;

  /** How many bytes came before what comes next. */
  get offset(): number {
    return this.#offset;
  }

  /** The packets whose length is known with these bytes: all of one may not have come yet. */
  take(bytes: Buffer): Frame[] {
    const frames: Frame[] = [];
    let index = 0;
    while (index < bytes.length) {
      if (this.#place === 'body') {
        const rest = this.#end - (this.#offset + index);
        index += Math.min(rest, bytes.length - index);
        if (this.#offset + index === this.#end) this.#place = 'type';
        continue;
      }
      this.#header(bytes[index] ?? 0, this.#offset + index, frames);
      index += 1;
    }
    this.#offset += bytes.length;
    return frames;
  }

  #header(byte: number, at: number, frames: Frame[]): void {
    if (this.#place === 'type') {
      [this.#type, this.#start, this.#length, this.#shift] = [byte >> 4, at, 0, 0];
      this.#place = 'length';
      return;
    }
    // 2.1.4: seven bits a byte, the lowest first.
    this.#length += (byte & 0x7f) * 2 ** this.#shift;
    this.#shift += 7;
    if ((byte & 0x80) !== 0) return;
    this.#end = at + 1 + this.#length;
    this.#place = this.#length === 0 ? 'type' : 'body';
    frames.push({ type: this.#type, start: this.#start, end: this.#end });
  }
}
