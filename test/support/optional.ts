import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** A program that some tests use where it is installed: they skip without it. */
export type OptionalTool = 'mosquitto' | 'chromium' | 'nats-server' | 'openssl' | 'rabbitmq';

// Debian keeps daemons in /usr/sbin, which is not in every user's PATH; Homebrew does the same under its own prefix.
const DAEMON_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin'];

const FILE_NAMES: Readonly<Record<OptionalTool, readonly string[]>> = {
  mosquitto: ['mosquitto'],
  chromium: ['chromium', 'chromium-browser', 'google-chrome'],
  'nats-server': ['nats-server'],
  openssl: ['openssl'],
  // Its own start script: the one of Debian in PATH becomes another user and keeps what is written from us.
  rabbitmq: ['/usr/lib/rabbitmq/bin/rabbitmq-server'],
};

/**
 * Where an optional tool is installed.
 *
 * @returns its absolute path, or `undefined` where it is not installed: the test then calls `this.skip()`.
 * @throws Error where it is missing although the environment variable `POSTHORN_REQUIRE`, a comma-separated list of
 *   tool names, names it: CI sets it, so that there nothing skips unseen.
 */
export function optionalTool(name: OptionalTool): string | undefined {
  const path = FILE_NAMES[name].flatMap(candidatesFor).find(isExecutable);
  if (path === undefined && requiredTools().includes(name)) {
    throw new Error(`${name} is not installed, but POSTHORN_REQUIRE=${process.env['POSTHORN_REQUIRE']} asks for it`);
  }
  return path;
}

function requiredTools(): string[] {
  return (process.env['POSTHORN_REQUIRE'] ?? '').split(',').map((name) => name.trim());
}

function candidatesFor(fileName: string): string[] {
  if (isAbsolute(fileName)) return [fileName];
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...folders, ...DAEMON_FOLDERS].map((folder) => join(folder, fileName));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not ours to run: the next candidate
  }
}
