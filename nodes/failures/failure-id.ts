import {
  ConnectionRefused,
  ConnectUnanswered,
  InvalidServer,
  type MqttError,
  NotMqtt,
  NotTls,
  type OtherProtocol,
  openSslReason,
  PublishRejected,
  ServerDisconnected,
  SubscriptionRefused,
  systemCodeOf,
  TlsUnanswered,
} from '../../src/index.ts';
import { hexOf, type Packet } from './catalogue.ts';

/**
 * Names what failed, for the catalogue: `refused.0x87` for a Reason Code by the packet that it came in, `network.ECONNREFUSED`
 * and `tls.CERT_HAS_EXPIRED` for the codes of system and TLS, and else `client.` and the code of the error. The same failure
 * has the same id in every version; one that the catalogue does not know is told by its kind, with its code.
 */
export function failureId(error: MqttError): string {
  if (error instanceof ConnectionRefused) return reasonId('refused', error.reasonCode);
  if (error instanceof ServerDisconnected) return reasonId('disconnected', error.reasonCode);
  if (error instanceof SubscriptionRefused) return reasonId('subscribe', error.reasonCode);
  if (error instanceof PublishRejected) return reasonId('publish', error.reasonCode);
  if (error instanceof ConnectUnanswered) return 'client.connect-unanswered';
  if (error instanceof NotMqtt) return NOT_MQTT[error.spoken];
  if (error instanceof NotTls) return 'tls.to-plain-port';
  if (error instanceof TlsUnanswered) return 'tls.unanswered';
  if (error instanceof InvalidServer) return 'client.invalid-server';
  return systemId(error) ?? `client.${error.code}`;
}

/** By what was recognized in the place of MQTT. */
const NOT_MQTT: Readonly<Record<OtherProtocol, string>> = {
  http: 'http-port',
  ssh: 'client.not-mqtt',
  tls: 'plain-to-tls-port',
};

/** The id of a Reason Code, by the packet that it came in: CONNACK, DISCONNECT, SUBACK, UNSUBACK, PUBACK and PUBREC, PUBCOMP. */
export function reasonId(packet: Packet, reasonCode: number): string {
  return `${packet}.${hexOf(reasonCode)}`;
}

function systemId({ code, cause }: MqttError): string | undefined {
  if (code !== 'unreachable' && code !== 'tls-failed') return undefined;
  const system = codeOf(cause);
  // A code is a name: whatever else somebody throws is not shown.
  if (!/^[A-Z][A-Z0-9_/]{0,59}$/.test(system)) return undefined;
  return code === 'unreachable' ? `network.${SAME_NETWORK[system] ?? system}` : `tls.${tlsName(system)}`;
}

/** Node.js names what OpenSSL says by a code of its own, or in a write by EPROTO with OpenSSL's words in the message. */
function codeOf(cause: unknown): string {
  const code = systemCodeOf(cause);
  const words = code === 'EPROTO' ? openSslReason(cause) : undefined;
  return words === undefined ? code : `ERR_SSL_${words.toUpperCase().replaceAll(' ', '_')}`;
}

function tlsName(code: string): string {
  if (code.startsWith('ERR_OSSL_')) return 'key-unusable';
  // As OpenSSL before and after 3.2 names the alerts of the other side.
  const name = code.replace(/^ERR_SSL_(?:(?:SSL\/TLS|SSLV3|TLSV1|TLSV13)_)?ALERT_/, 'ALERT_');
  return SAME_TLS[name] ?? code;
}

/** Codes that mean the same for a person. */
export const SAME_NETWORK: Readonly<Record<string, string>> = {
  EPERM: 'EACCES',
  ENFILE: 'EMFILE',
  EAI_FAIL: 'EAI_AGAIN',
  ENODATA: 'ENOTFOUND',
};

export const SAME_TLS: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'UNABLE_TO_GET_ISSUER_CERT',
  HOSTNAME_MISMATCH: 'ERR_TLS_CERT_ALTNAME_INVALID',
  CERT_UNTRUSTED: 'CERT_REJECTED',
  INVALID_CA: 'CERT_REJECTED',
  INVALID_PURPOSE: 'CERT_REJECTED',
  PATH_LENGTH_EXCEEDED: 'CERT_REJECTED',
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: 'CERT_SIGNATURE_FAILURE',
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: 'CERT_SIGNATURE_FAILURE',
  ERR_SSL_CA_KEY_TOO_SMALL: 'certificate-too-weak',
  ERR_SSL_CA_MD_TOO_WEAK: 'certificate-too-weak',
  ERR_SSL_DH_KEY_TOO_SMALL: 'certificate-too-weak',
  ERR_SSL_EE_KEY_TOO_SMALL: 'certificate-too-weak',
  ALERT_INSUFFICIENT_SECURITY: 'no-common-version',
  ALERT_PROTOCOL_VERSION: 'no-common-version',
  ERR_SSL_NO_CIPHERS_AVAILABLE: 'no-common-version',
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: 'no-common-version',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'no-common-version',
  ALERT_HANDSHAKE_FAILURE: 'handshake-refused',
  ALERT_CERTIFICATE_REQUIRED: 'client-certificate-required',
  ALERT_ACCESS_DENIED: 'client-certificate-refused',
  ALERT_BAD_CERTIFICATE: 'client-certificate-refused',
  ALERT_CERTIFICATE_EXPIRED: 'client-certificate-refused',
  ALERT_CERTIFICATE_REVOKED: 'client-certificate-refused',
  ALERT_CERTIFICATE_UNKNOWN: 'client-certificate-refused',
  ALERT_UNKNOWN_CA: 'client-certificate-refused',
  ALERT_UNSUPPORTED_CERTIFICATE: 'client-certificate-refused',
  ALERT_UNRECOGNIZED_NAME: 'server-name-unknown',
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: 'server-name-unknown',
  ALERT_NO_APPLICATION_PROTOCOL: 'alpn-refused',
  ERR_SSL_HTTP_REQUEST: 'to-plain-port',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'to-plain-port',
  ERR_SSL_UNEXPECTED_MESSAGE: 'to-plain-port',
  ERR_SSL_WRONG_VERSION_NUMBER: 'to-plain-port',
};
