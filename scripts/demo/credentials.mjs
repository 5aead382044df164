import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** The demo's key. Everybody can read it here: it keeps passwords out of sight, not safe. */
export const CREDENTIAL_SECRET = 'posthorn-demo';

const ALGORITHM = 'aes-256-ctr';
const KEY = createHash('sha256').update(CREDENTIAL_SECRET).digest();
const IV_BYTES = 16;

/** The credentials of all nodes, by node id, as Node-RED writes them to its credentials file. */
export function sealCredentials(credentials) {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, KEY, iv);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(credentials)), cipher.final()]);
  return { $: iv.toString('hex') + sealed.toString('base64') };
}

/** What sealCredentials or Node-RED sealed; no credentials where the file holds none. */
export function openCredentials({ $: sealed }) {
  if (sealed === undefined) return {};
  const iv = Buffer.from(sealed.slice(0, IV_BYTES * 2), 'hex');
  const decipher = createDecipheriv(ALGORITHM, KEY, iv);
  const opened = Buffer.concat([decipher.update(sealed.slice(IV_BYTES * 2), 'base64'), decipher.final()]);
  return JSON.parse(opened.toString());
}
