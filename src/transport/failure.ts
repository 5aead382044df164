import { MqttError, NotTls, systemCodeOf, textOf } from '../protocol/errors.ts';

/** Error codes of OpenSSL (EPROTO too) and of Node's certificate check; everything else is the network's. */
const TLS_CODE =
  /^(EPROTO|ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|CRL_|DEPTH_|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/;

export function isTlsFailure(error: unknown): boolean {
  return TLS_CODE.test(systemCodeOf(error));
}

/** What OpenSSL says of bytes that are no TLS: it takes them for a record, and reads a version or a length in them. */
const NO_TLS = /wrong[ _]version[ _]number|packet[ _]length[ _]too[ _]long/i;

/** @param where `mqtts://host:8883`. */
export function tlsFailure(where: string, error: unknown): MqttError {
  const code = systemCodeOf(error);
  // A WebSocket tells it as EPROTO, and only the text says what it is.
  if (NO_TLS.test(code === 'EPROTO' ? textOf(error) : code)) return new NotTls(where, error);
  return new MqttError('tls-failed', `TLS to ${where} failed: ${wordsOf(error)} (${code})`, { cause: error });
}

/** What Node.js adds to the error of a certificate that nobody vouches for: an option of its own, which is no way here. */
const ADVICE = /; if the root CA is installed locally.*$/s;

/** What the certificate check puts into the error of a certificate that is not for `host`; each may be missing. */
interface AltNameError {
  readonly host?: unknown;
  readonly cert?: { readonly subjectaltname?: unknown } | undefined;
}

function wordsOf(error: unknown): string {
  const { host, cert }: AltNameError = typeof error === 'object' && error !== null ? error : {};
  if (systemCodeOf(error) === 'ERR_TLS_CERT_ALTNAME_INVALID' && typeof host === 'string') {
    return `the certificate is for ${namesIn(cert?.subjectaltname)}, not for ${host}`;
  }
  return openSslReason(error) ?? textOf(error).replace(ADVICE, '');
}

/** OpenSSL's words, such as `wrong version number`, without its source files; undefined: it said nothing. */
export function openSslReason(error: unknown): string | undefined {
  const [, words] = /:SSL routines:[^:]*:([^:]+):/.exec(textOf(error)) ?? [];
  return words;
}

/** At most so many characters of what a certificate says are told. */
const LONGEST_NAMES = 200;

function namesIn(names: unknown): string {
  if (typeof names !== 'string' || names === '') return 'no host by name';
  return names.length <= LONGEST_NAMES ? names : `${names.slice(0, LONGEST_NAMES)}…`;
}
