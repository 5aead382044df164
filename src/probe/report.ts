import type { ServerLimits } from '../connection/server-limits.ts';
import type { MqttError, OtherProtocol } from '../protocol/errors.ts';
import type { ProtocolVersion } from '../protocol/packet.ts';
import type { Certificate } from '../transport/dial-watch.ts';

/** On the way to a Server, in their order; each connection has some of them. */
export type Stage = 'resolve' | 'connect' | 'proxy' | 'secure' | 'upgrade' | 'mqtt';

/** What was seen at a stage that was passed. */
export type Passed =
  | { readonly stage: 'resolve'; readonly addresses: readonly string[] }
  | { readonly stage: 'connect'; readonly address: string; readonly port: number }
  | { readonly stage: 'proxy'; readonly proxy: string }
  | {
      readonly stage: 'secure';
      /** Such as `TLSv1.3`. */
      readonly protocol: string;
      readonly certificate: Certificate | undefined;
      /** Why the certificate does not verify, where it need not: a code of OpenSSL. */
      readonly unverified: string | undefined;
    }
  | { readonly stage: 'upgrade' }
  | {
      readonly stage: 'mqtt';
      /** With which it was accepted. */
      readonly protocolVersion: ProtocolVersion;
      readonly limits: ServerLimits;
    };

/** A stage that was passed, and how many milliseconds it took. */
export type Step = Passed & { readonly milliseconds: number };

/** What listens on a port. */
export type Listener = 'mqtt' | OtherProtocol;

/** The stage at which it ended. */
export interface ProbeFailure {
  readonly stage: Stage;
  readonly milliseconds: number;
  readonly error: MqttError;
  /** What listens there instead, as far as a second look could tell. */
  readonly listener: Listener | undefined;
  /** The one that the peer showed, at the stage `secure`. */
  readonly certificate: Certificate | undefined;
}

/** How an attempt to connect went. */
export interface ProbeReport {
  /** `mqtts://host:8883`. */
  readonly server: string;
  /** What it was tried with. */
  readonly clientId: string;
  /** The last version that was tried. */
  readonly protocolVersion: ProtocolVersion;
  /** Why not the one before; undefined: it was the first. */
  readonly firstRefusal: MqttError | undefined;
  readonly steps: readonly Step[];
  /** undefined: the Server accepted the connection. */
  readonly failure: ProbeFailure | undefined;
}
