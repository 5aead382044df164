import type { FailureNumbers } from './connection-numbers.ts';

/** Under the editor's address: a POST of a {@link TestRequest} is answered with a {@link TestAnswer}. */
export const TEST_PATH = 'posthorn/test';

/** Fields of an `mqtt-connection` that a test reads. */
export const TESTED_FIELDS = [
  'broker',
  'port',
  'usetls',
  'verifyCertificate',
  'protocolVersion',
  'keepalive',
  'connectTimeout',
  'userProps',
] as const;

export type TestedField = (typeof TESTED_FIELDS)[number];

/** What is entered in the dialog of a connection. */
export interface TestRequest {
  /** Of the node, which may not be deployed yet. */
  readonly id: string;
  readonly fields: Readonly<Partial<Record<TestedField, string | number | boolean>>>;
  /** Id of a TLS configuration; empty: none. */
  readonly tls: string;
  readonly user: string;
  /** {@link STORED_PASSWORD}: the dialog does not know it. */
  readonly password: string;
}

/** What Node-RED's editor shows in place of a password that it does not have. */
export const STORED_PASSWORD = '__PWRD__';

export type TestStage = 'settings' | 'resolve' | 'connect' | 'proxy' | 'secure' | 'upgrade' | 'mqtt';

export interface ShownCertificate {
  readonly subject: string;
  readonly issuer: string;
  readonly names: string;
  /** Milliseconds since the epoch; undefined: it says nothing that is a date. */
  readonly validFrom: number | undefined;
  readonly validTo: number | undefined;
  /** SHA-256. */
  readonly fingerprint: string;
}

/** A stage that was passed. All text is from outside, made visible and cut. */
export interface TestStep {
  readonly stage: Exclude<TestStage, 'settings'>;
  /** Whole ones. */
  readonly milliseconds: number;
  /** What was seen: addresses, an address with its port, a proxy, a version of TLS or MQTT. */
  readonly seen: readonly string[];
  /** At `secure`. */
  readonly certificate?: ShownCertificate | undefined;
  /** At `secure`: why the certificate does not verify, where it need not. */
  readonly unverified?: string | undefined;
}

export interface TestFailure {
  readonly stage: TestStage;
  readonly milliseconds: number;
  readonly failure: FailureNumbers;
  /** What listens there instead. */
  readonly listener?: 'mqtt' | 'http' | 'tls' | 'ssh' | undefined;
  readonly certificate?: ShownCertificate | undefined;
}

/** Where the password was from; `withheld`: there is a stored one, and it is not for what was entered. */
export type PasswordSource = 'none' | 'entered' | 'stored' | 'withheld';

/** How a test went. Never a password, nor anything that it could be told by. */
export interface TestAnswer {
  /** `mqtts://host:8883`; empty: what was entered is no address. */
  readonly server: string;
  /** That of the test. */
  readonly clientId: string;
  readonly password: PasswordSource;
  /** What the TLS configuration that was used is called, as it was deployed; undefined: none was used. */
  readonly tls: string | undefined;
  /** Why the broker was not content with MQTT 5, where 3.1.1 was tried behind it. */
  readonly firstRefusal: FailureNumbers | undefined;
  readonly steps: readonly TestStep[];
  /** undefined: the broker accepted the connection. */
  readonly failure: TestFailure | undefined;
}
