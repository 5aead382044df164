import {
  type ClientState,
  ConnectionRefused,
  ConnectUnanswered,
  describeReasonCode,
  type MqttError,
  NotMqtt,
  NotTls,
  ServerDisconnected,
  SubscriptionRefused,
  systemCodeOf,
  TlsUnanswered,
} from '../../src/index.ts';

/** What `node.status` takes. */
export interface NodeStatus {
  readonly fill: 'red' | 'green' | 'yellow';
  readonly shape: 'ring' | 'dot';
  readonly text: string;
}

/** Node-RED's own texts, translated by the editor. */
const COMMON = 'node-red:common.status.';

/** What a node shows for the state of its connection. `verified`: false when a person turned the certificate check off. */
export function statusOf(state: ClientState, verified: boolean): NodeStatus {
  switch (state.phase) {
    case 'idle':
    case 'closing':
    case 'closed':
      return { fill: 'red', shape: 'ring', text: `${COMMON}disconnected` };
    case 'connecting':
      // A further attempt after a failure goes on showing the failure: that is what a person needs to read.
      return state.cause === undefined
        ? { fill: 'yellow', shape: 'ring', text: `${COMMON}connecting` }
        : failure(state.cause);
    case 'connected':
      if (!verified) return { fill: 'yellow', shape: 'dot', text: 'connected, TLS not verified' };
      return { fill: 'green', shape: 'dot', text: `${COMMON}connected` };
    case 'waiting':
      return failure(state.cause);
  }
}

/** A failure's few words; the whole sentence is in the log and in what Catch nodes get. */
export function failure(error: MqttError): NodeStatus {
  return { fill: 'red', shape: 'ring', text: shortReason(error) };
}

/** For reason codes that people meet: words instead of the specification's. */
const REFUSALS: Readonly<Record<number, string>> = {
  0x80: 'refused',
  0x84: 'version refused',
  0x85: 'client id refused',
  0x86: 'bad credentials',
  0x87: 'not authorized',
  0x88: 'server unavailable',
  0x89: 'server busy',
  0x8a: 'banned',
  0x8b: 'server shutting down',
  0x8e: 'client id in use',
  0x97: 'quota exceeded',
  0x9c: 'use another server',
  0x9d: 'server moved',
};

/** Codes of the system, of OpenSSL and of Node's certificate check. */
const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'name lookup failed',
  ETIMEDOUT: 'timed out',
  CERT_HAS_EXPIRED: 'certificate expired',
  CERT_NOT_YET_VALID: 'certificate not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed certificate',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate of another host',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown certificate issuer',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown certificate issuer',
};

function shortReason(error: MqttError): string {
  if (error instanceof ConnectionRefused || error instanceof ServerDisconnected) return coded(error.reasonCode);
  if (error instanceof ConnectUnanswered) return 'hung up on CONNECT';
  if (error instanceof NotTls) return 'TLS: not spoken there';
  if (error instanceof TlsUnanswered) return 'TLS: hung up';
  if (error instanceof NotMqtt) return `not MQTT but ${error.spoken.toUpperCase()}`;
  if (error instanceof SubscriptionRefused) return `subscribe: ${coded(error.reasonCode)}`;
  switch (error.code) {
    case 'unreachable':
      return SYSTEM[systemCodeOf(error.cause)] ?? 'unreachable';
    case 'tls-failed':
      return `TLS: ${SYSTEM[systemCodeOf(error.cause)] ?? 'failed'}`;
    case 'handshake-timeout':
      return 'no answer';
    case 'keep-alive-timeout':
      return 'no sign of life';
    case 'connection-lost':
      return 'connection lost';
    case 'protocol-error':
    case 'malformed-packet':
      return 'protocol error';
    case 'packet-too-large':
      return 'packet too large';
    default:
      return error.code.replaceAll('-', ' ');
  }
}

/** Our words, or else the specification's, and the code itself, by which a broker's manual explains it. */
function coded(reasonCode: number): string {
  const [hex = '', ...name] = describeReasonCode(reasonCode).split(' ');
  const words = REFUSALS[reasonCode] ?? name.join(' ').toLowerCase();
  return words === '' ? hex : `${words} (${hex})`;
}
