import type { TestAnswer, TestFailure } from '../common/test-answer.ts';

/** Reason Codes of CONNACK that are about the login. */
const LOGIN: ReadonlySet<number | undefined> = new Set([0x86, 0x87, 0x8c]);
const CLIENT_ID = 0x85;
const VERSION = 0x84;

/** Alerts of TLS by which the other side says what it thinks of our certificate. */
const OUR_CERTIFICATE = /ALERT_.*CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_HANDSHAKE_FAILURE/;

/**
 * What to do about a test that failed, as a key of the texts: the one place that knows. What listens on the port says more
 * than the failure.
 */
export function adviceOf({ server }: Pick<TestAnswer, 'server'>, failed: TestFailure): string {
  const { listener, stage, failure } = failed;
  if (listener === 'mqtt' && /^wss?:/.test(server)) return 'listener.mqttNoWebSocket';
  if (listener !== undefined) return `listener.${listener}`;
  if (LOGIN.has(failure.reasonCode)) return 'advice.login';
  if (failure.reasonCode === CLIENT_ID) return 'advice.clientId';
  if (failure.reasonCode === VERSION) return 'advice.version';
  if (OUR_CERTIFICATE.test(failure.systemCode ?? '')) return 'advice.clientCertificate';
  return `advice.${stage}`;
}
