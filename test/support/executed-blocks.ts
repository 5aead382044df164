import { createRequire } from 'node:module';
import { type Profiler, Session } from 'node:inspector';

const requireHere = createRequire(__filename);

/**
 * Loads a module anew, and counts for each work how often its blocks of code run: loops, branches and functions, as V8
 * counts them. That is the same number on every machine, and no loop hides from it, whatever it goes through.
 *
 * @param folder part of the paths of the modules that count.
 * @param module the one that is loaded, by its absolute path; its imports in the folder are loaded anew with it.
 * @param works each prepares with the module, and returns what is counted.
 */
export function executedBlocks(
  folder: string,
  module: string,
  works: readonly ((loaded: unknown) => () => void)[],
): number[] {
  const session = new Session();
  session.connect();
  try {
    session.post('Profiler.enable');
    // Only what is compiled from here on has counters for its blocks.
    session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    const loaded = loadAnew(folder, module);
    return works.map((prepare) => blocksOf(session, folder, prepare(loaded)));
  } finally {
    session.disconnect();
  }
}

function blocksOf(session: Session, folder: string, counted: () => void): number {
  taken(session);
  counted();
  return sum(taken(session).filter(({ url }) => url.includes(folder)));
}

function loadAnew(folder: string, module: string): unknown {
  const { cache } = requireHere;
  const others = Object.entries(cache).filter(([path]) => path.includes(folder));
  for (const [path] of others) delete cache[path];
  try {
    return requireHere(module);
  } finally {
    for (const [path, loaded] of others) cache[path] = loaded;
  }
}

/** What ran since it was taken last. The answer of a session in the same thread comes before `post` returns. */
function taken(session: Session): Profiler.ScriptCoverage[] {
  let scripts: Profiler.ScriptCoverage[] = [];
  session.post('Profiler.takePreciseCoverage', (error, { result }) => {
    if (error !== null) throw error;
    scripts = result;
  });
  return scripts;
}

function sum(scripts: readonly Profiler.ScriptCoverage[]): number {
  const ranges = scripts.flatMap(({ functions }) => functions.flatMap(({ ranges: blocks }) => blocks));
  return ranges.reduce((total, { count }) => total + count, 0);
}
