import { MqttError, systemCodeOf, textOf } from '../protocol/errors.ts';

/** Error codes of OpenSSL (EPROTO too) and of Node's certificate check; everything else is the network's. */
const TLS_CODE = /^(EPROTO|ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/;

export function isTlsFailure(error: unknown): boolean {
  return TLS_CODE.test(systemCodeOf(error));
}

/** @param where `mqtts://host:8883`. */
export function tlsFailure(where: string, error: unknown): MqttError {
  const message = `TLS to ${where} failed: ${textOf(error)} (${systemCodeOf(error)})`;
  return new MqttError('tls-failed', message, { cause: error });
}
