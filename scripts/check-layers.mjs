// Holds every import of src/ and nodes/ against the table of rooms, and finds circles of files; types count as code,
// because who must be read to understand a file is the same. Usage: check-layers.mjs [folder, default the checkout]
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { FREE_PACKAGES, ROOMS } from './layers.mjs';

// Formatted code has one specifier in single quotes behind `from`, `import`, `import(` or `require(`.
const IMPORT = /\b(?:from\s*|import\s*\(?\s*|require\(\s*)'([^']+)'/g;

/**
 * @param {string} root a checkout
 * @returns {{ file: string, problem: string }[]} by file
 */
export function layerProblems(root) {
  const imports = new Map(filesIn(root).map((file) => [file, importsOf(root, file)]));
  const problems = [...imports].flatMap(([file, specifiers]) =>
    problemsOf(file, specifiers).map((problem) => ({ file, problem })),
  );
  return [...problems, ...circles(imports)];
}

function filesIn(root) {
  return ['src', 'nodes'].flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll(sep, '/')),
  );
}

function importsOf(root, file) {
  return [...readFileSync(join(root, file), 'utf8').matchAll(IMPORT)].map(([, specifier]) => specifier);
}

function problemsOf(file, specifiers) {
  const room = roomOf(file);
  if (room === undefined) return ['is in no room of scripts/layers.mjs'];
  const problems = specifiers.map((specifier) =>
    specifier.startsWith('.') ? wrongRoom(room, target(file, specifier)) : wrongPackage(room, specifier),
  );
  return problems.filter((problem) => problem !== undefined);
}

function wrongRoom(room, imported) {
  const other = roomOf(imported);
  if (other === room || room.mayImport.includes(other?.path)) return undefined;
  return `imports ${imported}, but ${room.path} may import only ${room.mayImport.join(', ') || 'itself'}`;
}

function wrongPackage(room, name) {
  const allowed = [...FREE_PACKAGES, ...(room.packages ?? [])];
  return allowed.includes(name) ? undefined : `imports ${name}, but ${room.path} may import only ${allowed.join(', ')}`;
}

function target(file, specifier) {
  return posix.normalize(posix.join(dirname(file), specifier));
}

/** The room whose path says most about the file, or undefined. */
export function roomOf(file) {
  return ROOMS.filter(({ path }) => holds(path, file)).toSorted((a, b) => b.path.length - a.path.length)[0];
}

function holds(path, file) {
  if (!path.includes('*')) return file === path || file.startsWith(`${path}/`);
  const [folder, ending] = path.split('*');
  return file.startsWith(folder) && file.endsWith(ending);
}

/** Each circle once, told of its first file by name. */
function circles(imports) {
  const found = new Map();
  for (const start of imports.keys()) {
    const path = wayBack(imports, start);
    const key = path?.toSorted().join(' ');
    if (path !== undefined && !found.has(key)) found.set(key, { file: start, problem: `circle: ${path.join(' -> ')}` });
  }
  return [...found.values()];
}

/** The shortest way from a file back to itself. */
function wayBack(imports, start) {
  const cameFrom = new Map();
  const queue = [start];
  for (const file of queue) {
    for (const next of neighbours(imports, file)) {
      if (next === start) return pathTo(cameFrom, file);
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, file);
      queue.push(next);
    }
  }
  return undefined;
}

function pathTo(cameFrom, file) {
  const path = [file];
  for (let at = cameFrom.get(file); at !== undefined; at = cameFrom.get(at)) path.unshift(at);
  return path;
}

function neighbours(imports, file) {
  return (imports.get(file) ?? []).filter((each) => each.startsWith('.')).map((each) => target(file, each));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = layerProblems(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
  for (const { file, problem } of problems) console.error(`check-layers: ${file} ${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
