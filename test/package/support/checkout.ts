import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder of this project, with a slash at its end. */
export const CHECKOUT = fileURLToPath(new URL('../../../', pathToFileURL(__filename)));

/** What the tests read of package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly main: string;
  readonly types: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly 'node-red': { readonly nodes: Readonly<Record<string, string>> };
}

export const MANIFEST = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as Manifest;

/** The node sets that the package registers; each has one node type of the same name. */
export const NODE_SETS = Object.keys(MANIFEST['node-red'].nodes);

/**
 * The Node.js that runs Node-RED: `POSTHORN_NODE`, else the one among the development dependencies, since Node-RED 5
 * does not run on every Node.js that the tests run on.
 */
export function nodeExecutable(): string {
  const own = join(CHECKOUT, 'node_modules/node/bin/node');
  return process.env['POSTHORN_NODE'] ?? (existsSync(own) ? own : process.execPath);
}

/** The folder of the `node-red` package under test: `POSTHORN_NODE_RED`, else the development dependency. */
export function nodeRedFolder(): string {
  return process.env['POSTHORN_NODE_RED'] ?? join(CHECKOUT, 'node_modules/node-red');
}
