/** What is put into a {@link Batch}. */
export interface Batch {
  /** The value is copied: what has it may be used again. */
  put(key: string, value: Buffer): unknown;
  del(key: string): unknown;
  /** Writes it as a whole, or nothing of it. `sync`: resolves when it is on the medium, and outlives a power cut. */
  write(options?: { readonly sync?: boolean }): Promise<void>;
  /** It is not to be written. */
  close(): Promise<void>;
}

/** Some of the keys, in the order of their text. */
export interface Range {
  readonly gte?: string;
  readonly lt?: string;
}

/** Keys and their values, in the order of the keys; what a `DiskStore` needs of a LevelDB. After a failure it takes nothing until it is opened anew. */
export interface Database {
  open(): Promise<void>;
  close(): Promise<void>;
  get(key: string): Promise<Buffer | undefined>;
  getMany(keys: string[]): Promise<(Buffer | undefined)[]>;
  put(key: string, value: Buffer): Promise<void>;
  batch(): Batch;
  keys(options?: { readonly limit: number }): { all(): Promise<string[]> };
  iterator(range: Range & { readonly highWaterMarkBytes: number }): {
    nextv(size: number): Promise<[key: string, value: Buffer][]>;
    close(): Promise<void>;
  };
}

/** A database, and what is said beside it, which needs no space. */
export interface Medium {
  /** Where it is, for a person. */
  readonly folder: string;
  readonly database: Database;
  /** Whether the received ids in it are those of the session: the last process told {@link trust}, and not {@link distrust}. */
  isTrusted(): Promise<boolean>;
  trust(): Promise<void>;
  distrust(): Promise<void>;
  /** The process is about to close the database in order: the next one need not look whether it is whole. */
  leave(): Promise<void>;
  /** The same, where the process has no other turn. */
  leaveAtOnce(): void;
  /** Removes all of it but what was set aside. */
  remove(): Promise<void>;
}
