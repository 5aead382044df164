import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyPair } from './certificates/certificates.ts';

export interface RealBrokerOptions {
  /** Sessions, queued and retained messages survive a restart; by default they do not. */
  readonly persistence?: boolean;
  /** On 3.1.1, one copy for each overlapping subscription; by default mosquitto's own default, true in 2.0. */
  readonly allowDuplicateMessages?: boolean;
  /** User names with their passwords; who is not among them is refused. By default everybody is let in. */
  readonly users?: Readonly<Record<string, string>>;
  /** Lines of an access control file, such as `user ann` and `topic read news/#`. */
  readonly acl?: readonly string[];
  /** QoS 1 and 2 messages on the way to one client at a time; by default mosquitto's 20; 0: no limit. */
  readonly maxInflightMessages?: number;
  /** QoS 1 and 2 messages that wait for one client; by default 0, no limit. */
  readonly maxQueuedMessages?: number;
  /** A second listener, for MQTT over WebSocket: not every build of mosquitto has it. */
  readonly webSocket?: boolean;
  /** TLS on the first listener; by default none. */
  readonly tls?: KeyPair;
  /** More lines for the configuration file, as they are. */
  readonly lines?: readonly string[];
}

export interface RealBrokerPorts {
  readonly mqtt: number;
  readonly webSocket: number | undefined;
}

/**
 * Writes mosquitto's configuration and the files that it names into a folder.
 *
 * @returns the path of the configuration file.
 */
export async function writeConfiguration(
  folder: string,
  ports: RealBrokerPorts,
  options: RealBrokerOptions,
): Promise<string> {
  const path = join(folder, 'mosquitto.conf');
  const { users, acl, tls } = options;
  await writeFile(
    path,
    asText([...general(folder, options), ...access(folder, options), ...listeners(folder, ports, options)]),
  );
  await writeFile(join(folder, 'users'), asText(Object.entries(users ?? {}).map(userLine)), { mode: 0o600 });
  await writeFile(join(folder, 'acl'), asText(acl ?? []), { mode: 0o600 });
  await writeFile(join(folder, 'cert.pem'), tls?.cert ?? '');
  await writeFile(join(folder, 'key.pem'), tls?.key ?? '', { mode: 0o600 });
  return path;
}

function general(folder: string, options: RealBrokerOptions): string[] {
  return [
    ...(process.getuid?.() === 0 ? ['user root'] : []), // or it becomes another user, who may not read the folder
    'per_listener_settings false',
    `max_queued_messages ${options.maxQueuedMessages ?? 0}`,
    ...setting('max_inflight_messages', options.maxInflightMessages),
    ...setting('allow_duplicate_messages', options.allowDuplicateMessages),
    ...(options.persistence === true ? ['persistence true', `persistence_location ${folder}/`] : []),
    ...(options.lines ?? []),
  ];
}

function access(folder: string, { users, acl }: RealBrokerOptions): string[] {
  return [
    `allow_anonymous ${users === undefined}`,
    ...(users === undefined ? [] : [`password_file ${join(folder, 'users')}`]),
    ...(acl === undefined ? [] : [`acl_file ${join(folder, 'acl')}`]),
  ];
}

function listeners(folder: string, { mqtt, webSocket }: RealBrokerPorts, { tls }: RealBrokerOptions): string[] {
  return [
    `listener ${mqtt} 127.0.0.1`,
    ...(tls === undefined ? [] : [`certfile ${join(folder, 'cert.pem')}`, `keyfile ${join(folder, 'key.pem')}`]),
    ...(webSocket === undefined ? [] : [`listener ${webSocket} 127.0.0.1`, 'protocol websockets']),
  ];
}

function setting(name: string, value: boolean | number | undefined): string[] {
  return value === undefined ? [] : [`${name} ${value}`];
}

/** A line of mosquitto's password file: `$7$`, iterations, salt and PBKDF2-SHA512 hash. */
function userLine([name, password]: [string, string]): string {
  const iterations = 101;
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, iterations, 64, 'sha512');
  return `${name}:$7$${iterations}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

function asText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
