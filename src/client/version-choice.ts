import { ConnectionRefused, type MqttError } from '../protocol/errors.ts';
import type { ProtocolVersion } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';

/** What is known of a Server and MQTT 5: a word is final, a hang-up may have had another reason. */
type Knowledge = 'nothing' | 'accepts' | 'hung-up' | 'refuses';

/**
 * The protocol version of the next attempt. `auto`: 5, and 3.1.1 for a Server that refuses 5, or hangs up on it without
 * a word. A hang-up may have been a proxy whose broker was starting: 5 is tried again once at a later connection.
 */
export class VersionChoice {
  readonly #auto: boolean;
  #version: ProtocolVersion;
  #knowledge: Knowledge = 'nothing';
  #hangUps = 0;

  constructor(configured: ProtocolVersion | 'auto') {
    this.#auto = configured === 'auto';
    this.#version = configured === 'auto' ? 5 : configured;
  }

  get version(): ProtocolVersion {
    return this.#version;
  }

  accepted(): void {
    if (this.#version === 5) this.#knowledge = 'accepts';
  }

  /** A connection ended that was accepted: the next attempt begins with 5 where that is still open. */
  lost(): void {
    if (this.#auto && this.#knowledge === 'hung-up' && this.#hangUps < 2) this.#version = 5;
  }

  /** An attempt failed with `cause`; true: another version is worth an attempt at once. */
  failed(cause: MqttError): boolean {
    if (!this.#auto || this.#knowledge === 'accepts') return false;
    const refused = cause instanceof ConnectionRefused && cause.reasonCode === ReasonCode.UnsupportedProtocolVersion;
    const hungUp = cause.code === 'connection-lost' || cause.code === 'malformed-packet';
    if (!refused && !hungUp) return false;
    if (this.#version !== 5) {
      // Neither of them: whichever comes next begins at 5, and the hang-up on that was not because of the version.
      this.#version = 5;
      this.#hangUps = 0;
      return false;
    }
    this.#knowledge = refused ? 'refuses' : 'hung-up';
    if (hungUp) this.#hangUps += 1;
    this.#version = 4;
    return true;
  }
}
