import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const NODE_SETS = ['mqtt-ack', 'mqtt-connection', 'mqtt-in', 'mqtt-out'] as const;

export type NodeSetName = (typeof NODE_SETS)[number];

type BuildEditor = (outDir: string) => string[];

/** Builds the editor half into a new temporary folder and returns the folder's path: the caller removes it. */
export async function buildDialogs(): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), 'posthorn-dialogs-'));
  const script = join(__dirname, '../../../../scripts/build-editor.mjs');
  const { buildEditor } = (await import(pathToFileURL(script).href)) as { buildEditor: BuildEditor };
  buildEditor(outDir);
  return outDir;
}

/** The page of a set, as Node-RED serves it. */
export function pageOf(outDir: string, set: NodeSetName): string {
  return readFileSync(join(outDir, 'nodes', set, `${set}.html`), 'utf8');
}

/** The English catalogue of a set. */
export function catalogueOf(outDir: string, set: NodeSetName): unknown {
  const path = join(outDir, 'nodes', set, 'locales', 'en-US', `${set}.json`);
  return JSON.parse(readFileSync(path, 'utf8')) as unknown;
}
