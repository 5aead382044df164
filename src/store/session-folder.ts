import { chmod, mkdir, rm, rmdir } from 'node:fs/promises';
import { MqttError } from '../protocol/errors.ts';
import type { Clock } from '../util/clock.ts';
import { deferred } from '../util/deferred.ts';
import {
  distrust,
  isDamaged,
  isLocked,
  isTrusted,
  lacksCurrent,
  lacksDatabase,
  openDatabase,
  openWhenFree,
  pathIn,
  setAside,
  trust,
  why,
} from './database.ts';
import { endsItsReader, enter, leave, leaveAtOnce } from './database-check.ts';
import type { Batch, Database, Medium } from './medium.ts';

export interface SessionFolderOptions {
  readonly clock: Clock;
  /** Told what was set aside. */
  readonly report: (problem: MqttError) => void;
}

/** Milliseconds for which a disk is asked whether there is a session. */
const LONGEST_LOOK = 1_000;

/** The folder in which a session is. Only its owner can read it. */
export class SessionFolder implements Medium {
  readonly folder: string;
  readonly database: Database;

  private constructor(folder: string, database: Database) {
    this.folder = folder;
    this.database = database;
  }

  /**
   * Opens a folder, or makes it. What cannot be read as a whole is set aside, and a new session begins.
   * @param read reads the session; an error of it ends the opening.
   * @throws {MqttError} `store-failed`: another process uses it, or the folder cannot be used.
   */
  static async open<T>(
    folder: string,
    { clock, report }: SessionFolderOptions,
    read: (medium: Medium) => Promise<T>,
  ): Promise<T> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o700);
      const isUnreadable = (await lacksCurrent(folder)) || (await endsItsReader(folder, clock));
      if (isUnreadable) await setAside(folder, report, clock);
      return await SessionFolder.#enter(folder, clock, read).catch(async (error: unknown) => {
        if (!(await isDamaged(error, folder))) throw error;
        await setAside(folder, report, clock);
        return SessionFolder.#enter(folder, clock, read);
      });
    } catch (error) {
      // What another process has is for that to say.
      if (!isLocked(error)) await distrust(folder);
      throw new MqttError('store-failed', `the session cannot be kept in ${folder}: ${why(error)}`, { cause: error });
    }
  }

  /** Whether there may be a session in the folder: not where there certainly is none. Resolves within a second. */
  static async mayBeIn(folder: string, clock: Clock): Promise<boolean> {
    const { promise: late, resolve: isLate } = deferred<false>();
    const timer = clock.timer(LONGEST_LOOK, () => isLate(false));
    const isNone = await Promise.race([lacksDatabase(folder), late]);
    timer.cancel();
    return !isNone;
  }

  /**
   * Has a look at the session in a folder that may be another process's, and changes no record of it, whatever is done to
   * the medium. What cannot be opened or read is for who goes on with it.
   * @returns what `read` says; undefined: there is no session, somebody has it, or it cannot be read.
   */
  static async lookIn<T>(folder: string, clock: Clock, read: (medium: Medium) => Promise<T>): Promise<T | undefined> {
    // Only what is whole: LevelDB ends the process that reads nonsense.
    if ((await lacksDatabase(folder)) || (await endsItsReader(folder, clock))) return undefined;
    try {
      return await SessionFolder.#look(folder, read);
    } catch {
      return undefined;
    }
  }

  static async #look<T>(folder: string, read: (medium: Medium) => Promise<T>): Promise<T> {
    const database = await openDatabase(folder, { createIfMissing: false });
    try {
      return await read(new Look(folder, database));
    } finally {
      await database.close();
    }
  }

  /** The mark is made by who has the database, and by nobody else. */
  static async #enter<T>(folder: string, clock: Clock, read: (medium: Medium) => Promise<T>): Promise<T> {
    const database = await openWhenFree(folder, clock);
    try {
      await enter(folder);
      return await read(new SessionFolder(folder, database));
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  isTrusted(): Promise<boolean> {
    return isTrusted(this.folder);
  }

  trust(): Promise<void> {
    return trust(this.folder);
  }

  distrust(): Promise<void> {
    return distrust(this.folder);
  }

  leave(): Promise<void> {
    return leave(this.folder);
  }

  leaveAtOnce(): void {
    leaveAtOnce(this.folder);
  }

  async remove(): Promise<void> {
    await rm(pathIn(this.folder), { recursive: true, force: true });
    await distrust(this.folder);
    // What was set aside stays.
    await rmdir(this.folder).catch(() => undefined);
  }
}

/** A medium that is only looked at. */
class Look implements Medium {
  readonly folder: string;
  readonly database: Database;

  constructor(folder: string, database: Database) {
    this.folder = folder;
    this.database = {
      open: nothing,
      close: nothing,
      get: (key) => database.get(key),
      getMany: (keys) => database.getMany(keys),
      put: nothing,
      batch: () => UNWRITTEN,
      keys: (options) => database.keys(options),
      iterator: (range) => database.iterator(range),
    };
  }

  /** What is not sent by this process needs no trust. */
  isTrusted(): Promise<boolean> {
    return Promise.resolve(true);
  }

  readonly trust = nothing;
  readonly distrust = nothing;
  readonly leave = nothing;
  readonly remove = nothing;

  leaveAtOnce(): void {}
}

const UNWRITTEN: Batch = { put: () => undefined, del: () => undefined, write: nothing, close: nothing };

function nothing(): Promise<void> {
  return Promise.resolve();
}
