import type { ClientOptions, TlsOptions } from '../../src/index.ts';
import { connectionOptions, isSecure, type StoredConnection } from '../common/config.ts';
import { filled, whole } from '../common/stored.ts';
import { type PasswordSource, STORED_PASSWORD, type TestRequest } from '../common/test-answer.ts';

/** What a test knows besides what was entered. */
export interface TestSources {
  /** As Node-RED does at a deploy: `${NAME}`, and nothing else, stands for a variable of the environment. */
  resolve(text: string): string;
  /** Of the TLS configuration with this id, as it was deployed. @throws {MqttError} `tls-failed` */
  tls(id: string): TlsOptions | undefined;
  /** The stored password, if it may go to where these options lead. */
  passwordFor(options: ClientOptions): string | undefined;
}

export interface Tested {
  readonly options: ClientOptions;
  readonly password: PasswordSource;
}

/** Seconds of a test: what is entered as the timeout, but nobody looks at a dialog for an hour. */
const DEFAULT_TIME = 15;
const LONGEST_TIME = 60;

/** @throws {MqttError} `tls-failed`, where the TLS configuration is not there, or its certificates cannot be loaded. */
export function testOptions(request: TestRequest, sources: TestSources): Tested {
  const stored = resolved(request.fields, sources);
  const seconds = Math.min(whole(stored.connectTimeout, 1, 3600) ?? DEFAULT_TIME, LONGEST_TIME);
  const username = filled(sources.resolve(request.user));
  const tls = isSecure(stored) ? sources.tls(request.tls) : undefined;
  const extras = { username, tls, generatedClientId: 'test' };
  const options = { ...connectionOptions(stored, extras), connectTimeout: seconds * 1000 };
  // A login in the URL counts more than the fields.
  if (options.password !== undefined) return { options, password: 'entered' };
  return withPassword(options, request, sources);
}

/** Whether it names a variable: who tests it has its value sent to a server of his choice. */
export function namesVariable({ fields, user, password }: TestRequest): boolean {
  return [...Object.values(fields), user, password].some((value) => typeof value === 'string' && isVariable(value));
}

function isVariable(text: string): boolean {
  return /^\$\{\S+\}$/.test(text) || /^\$\(\S+\)$/.test(text);
}

function resolved(fields: TestRequest['fields'], sources: TestSources): StoredConnection {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? sources.resolve(value) : value]),
  );
}

function withPassword(options: ClientOptions, request: TestRequest, sources: TestSources): Tested {
  if (request.password !== STORED_PASSWORD) {
    const entered = filled(sources.resolve(request.password));
    if (entered === undefined) return { options, password: 'none' };
    return { options: { ...options, password: entered }, password: 'entered' };
  }
  const stored = sources.passwordFor(options);
  if (stored === undefined) return { options, password: 'withheld' };
  return { options: { ...options, password: stored }, password: 'stored' };
}
