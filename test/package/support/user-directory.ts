import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CHECKOUT, MANIFEST } from './checkout.ts';
import { npm } from './run.ts';
import type { Tarball } from './tarball.ts';

/** A clean Node-RED user directory with the packed package in it, and nothing of the person's own Node-RED. */
export interface UserDirectory {
  readonly path: string;
  remove(): void;
}

const SETTINGS = `module.exports = {
  uiHost: '127.0.0.1',
  uiPort: 0,
  flowFile: require('node:path').join(__dirname, 'flows.json'),
  credentialSecret: 'package-tests',
  telemetry: { enabled: false, updateNotification: false },
  editorTheme: { tours: false, projects: {} },
};
`;

/**
 * Makes one. `POSTHORN_INSTALL=npm` installs the tarball by npm, with its dependencies from the registry, as a user
 * does. Otherwise it is unpacked, and its dependencies are linked from the checkout: that needs no network.
 */
export async function createUserDirectory(tarball: Tarball): Promise<UserDirectory> {
  const path = mkdtempSync(join(tmpdir(), 'posthorn-user-'));
  writeFileSync(join(path, 'settings.js'), SETTINGS);
  await (process.env['POSTHORN_INSTALL'] === 'npm' ? installByNpm(tarball, path) : installByHand(tarball, path));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

async function installByNpm(tarball: Tarball, path: string): Promise<void> {
  writeManifest(path, {});
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', tarball.path], path);
}

async function installByHand(tarball: Tarball, path: string): Promise<void> {
  writeManifest(path, { [MANIFEST.name]: MANIFEST.version });
  const modules = join(path, 'node_modules');
  const folder = join(modules, MANIFEST.name);
  mkdirSync(folder, { recursive: true });
  await tarball.unpack(folder);
  for (const name of Object.keys(MANIFEST.dependencies)) {
    const link = join(modules, name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(CHECKOUT, 'node_modules', name), link, 'junction');
  }
}

function writeManifest(path: string, dependencies: Readonly<Record<string, string>>): void {
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name: 'package-tests', private: true, dependencies }));
}
