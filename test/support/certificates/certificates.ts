import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** The authority that signed all but the self-signed certificate, PEM. */
export const ca = read('ca.cert.pem');

/** For `localhost`, `127.0.0.1` and `::1`. */
export const serverPair = keyPair('server');

/** For another host. */
export const elsewherePair = keyPair('elsewhere');

/** Signed by nobody else. */
export const selfSignedPair = keyPair('self-signed');

/** A client's, to show to a server. */
export const clientPair = keyPair('client');

function keyPair(name: string): KeyPair {
  return { cert: read(`${name}.cert.pem`), key: read(`${name}.key.pem`) };
}

function read(file: string): string {
  return readFileSync(join(__dirname, file), 'utf8');
}
