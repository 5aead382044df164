import type { ClientOptions, SessionStore, TlsOptions } from '../../src/index.ts';
import { type BrokerOverride, overridden } from '../common/broker-override.ts';
import { brokerHost } from '../common/broker-address.ts';
import { brokerUrl, connectionOptions, isSecure, type StoredConnection } from '../common/config.ts';
import { filled } from '../common/stored.ts';
import { mayGoTo } from './stored-password.ts';

/** User name and password, as the credentials of the node or a message give them. */
export interface Login {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** What a connection needs besides its stored fields. */
export interface SettingsSources {
  readonly login: Login;
  /** @throws {MqttError} `tls-failed`, when the certificates cannot be loaded. */
  tls(): TlsOptions | undefined;
  /** In place of an empty client id. */
  readonly generatedClientId: string;
  /** Milliseconds, the setting `mqttReconnectTime`. */
  readonly reconnectTime: number | undefined;
  /** Asked for each client, when the session is open. */
  store(): SessionStore;
  /** Whether that is the whole session. Default: it is. */
  isWhole?(): boolean;
  /** Whether some of it may be on a disk that cannot be used, but perhaps later. Default false. */
  awaitsDisk?(): boolean;
}

/** All that decides what a connection is, secrets too: to be compared, and never shown. */
export interface Essence {
  readonly stored: StoredConnection;
  readonly login: Login;
  readonly tls: TlsOptions | undefined;
  readonly reconnectTime: number | undefined;
}

/** The settings of a connection: as stored, until a message with the action `connect` brings others. */
export class ConnectionSettings {
  readonly #sources: SettingsSources;
  /** Whose the stored login is. */
  readonly #host: string;
  readonly #original: StoredConnection;
  #stored: StoredConnection;
  #login: Login;

  constructor(stored: StoredConnection, sources: SettingsSources) {
    this.#original = stored;
    this.#stored = stored;
    this.#sources = sources;
    this.#host = brokerHost(brokerUrl(stored));
    this.#login = sources.login;
  }

  get stored(): StoredConnection {
    return this.#stored;
  }

  /** No message has brought others. */
  get isAsStored(): boolean {
    return this.#stored === this.#original;
  }

  /** @throws {MqttError} `tls-failed`, as {@link options}. */
  get essence(): Essence {
    const { login, reconnectTime } = this.#sources;
    return {
      stored: fieldsOf(this.#original),
      login,
      reconnectTime,
      tls: isSecure(this.#original) ? this.#sources.tls() : undefined,
    };
  }

  get login(): Login {
    return this.#login;
  }

  /** Whether all that waits is in the session that is used, and none on a disk that cannot be. */
  get hasWholeSession(): boolean {
    return this.#sources.isWhole?.() ?? true;
  }

  /** Whether some of the session may be on a disk that cannot be used, but perhaps later. */
  get awaitsDisk(): boolean {
    return this.#sources.awaitsDisk?.() ?? false;
  }

  get reconnectTime(): number | undefined {
    return this.#sources.reconnectTime;
  }

  /**
   * Takes what `msg.broker` names. A user name or password in it holds until the next override. The stored ones are for
   * the host that they were stored with: a message may come from anybody, and must not send them elsewhere.
   */
  override(broker: BrokerOverride): void {
    this.#stored = overridden(this.#stored, broker);
    const isHome = brokerHost(brokerUrl(this.#stored)) === this.#host;
    const { username, password } = isHome ? this.#sources.login : {};
    this.#login = {
      username: Object.hasOwn(broker, 'username') ? filled(broker['username']) : username,
      password: Object.hasOwn(broker, 'password') ? filled(broker['password']) : password,
    };
  }

  /** The stored password, if it may go where these options lead: {@link mayGoTo}. What messages brought does not count. */
  passwordFor(options: ClientOptions): string | undefined {
    const { login, generatedClientId } = this.#sources;
    const tls = isSecure(this.#original) ? this.#certificates() : undefined;
    try {
      return mayGoTo(connectionOptions(this.#original, { tls, generatedClientId }), options)
        ? login.password
        : undefined;
    } catch {
      // One of the two is no address; who tries it is told so.
      return undefined;
    }
  }

  /** Those that cannot be loaded verify nothing, and are no reason to verify less. */
  #certificates(): TlsOptions | undefined {
    try {
      return this.#sources.tls();
    } catch {
      return { rejectUnauthorized: true };
    }
  }

  /** @throws {MqttError} `tls-failed`, when certificates that were chosen cannot be loaded. */
  options(): ClientOptions {
    const tls = isSecure(this.#stored) ? this.#sources.tls() : undefined;
    return { ...this.#connectionOptions(tls), store: this.#sources.store() };
  }

  /**
   * Options of a second connection to the same broker, with the same login, beside this one: clean, under a client id of
   * its own, and with nothing that others hear of (no will, no birth and no close message).
   * @param version that of the first one, if it is known.
   * @throws {MqttError} `tls-failed`, as {@link options}.
   */
  secondOptions(clientId: string, version: ClientOptions['protocolVersion']): ClientOptions {
    const tls = isSecure(this.#stored) ? this.#sources.tls() : undefined;
    const { birth: _birth, closing: _closing, will: _will, ...options } = this.#connectionOptions(tls);
    const protocolVersion = version ?? options.protocolVersion ?? 'auto';
    return { ...options, clientId, protocolVersion, cleanStart: true, sessionExpiryInterval: 0, outbox: {} };
  }

  /** The options without certificates and keys, for those who only look. */
  plainOptions(): ClientOptions {
    return this.#connectionOptions(undefined);
  }

  #connectionOptions(tls: TlsOptions | undefined): ClientOptions {
    const { generatedClientId, reconnectTime } = this.#sources;
    return connectionOptions(this.#stored, { ...this.#login, tls, generatedClientId, reconnectTime });
  }
}

/** What decides what a connection is: not what it is called, nor what Node-RED adds, such as who uses it. */
function fieldsOf(stored: StoredConnection): StoredConnection {
  return Object.fromEntries(Object.entries(stored).filter(([field]) => field !== 'name' && !field.startsWith('_')));
}
