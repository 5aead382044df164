import { MqttError, NotTls, systemCodeOf, textOf } from '../protocol/errors.ts';

/** Error codes of OpenSSL (EPROTO too) and of Node's certificate check; everything else is the network's. */
const TLS_CODE =
  /^(EPROTO|ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|CRL_|DEPTH_|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/;

export function isTlsFailure(error: unknown): boolean {
  return TLS_CODE.test(systemCodeOf(error));
}

/** What OpenSSL says of bytes that are no TLS: it takes them for a record, and reads a version or a length in them. */
const NO_TLS = /wrong[ _]version[ _]number|packet[ _]length[ _]too[ _]long/i;

/** It is about the command line of Node.js: who sets up a connection gives the authority in a TLS configuration. */
const NODES_ADVICE = /; if the root CA is installed locally, try running Node\.js with --use-system-ca$/;

/** @param where `mqtts://host:8883`. */
export function tlsFailure(where: string, error: unknown): MqttError {
  const code = systemCodeOf(error);
  // A WebSocket tells it as EPROTO, and only the text says what it is.
  if (NO_TLS.test(code === 'EPROTO' ? textOf(error) : code)) return new NotTls(where, error);
  const why = textOf(error).replace(NODES_ADVICE, '');
  return new MqttError('tls-failed', `TLS to ${where} failed: ${why} (${code})`, { cause: error });
}
