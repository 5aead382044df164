/*
 * Makes the certificates of this folder anew: `node test/support/certificates/make.mjs`. It needs the `openssl`
 * program, which is why the results are in the repository. They are for tests on 127.0.0.1 and protect nothing:
 * everybody has the keys. They are valid for a hundred years.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const here = import.meta.dirname;
const scratch = mkdtempSync(join(tmpdir(), 'posthorn-certificates-'));
const DAYS = '36500';
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...args) {
  execFileSync('openssl', args, { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] });
}

function authority(name) {
  const subject = `/O=Posthorn test, no security/CN=Test ${name}`;
  const output = ['-keyout', `${name}.key.pem`, '-out', `${name}.cert.pem`];
  openssl('req', '-x509', ...NEW_KEY, '-days', DAYS, '-subj', subject, ...output);
}

/** A certificate signed by the authority. */
function certificate(name, extensions) {
  const request = join(scratch, `${name}.csr`);
  const extensionFile = join(scratch, `${name}.ext`);
  writeFileSync(extensionFile, `basicConstraints=CA:FALSE\n${extensions}\n`);
  const subject = `/O=Posthorn test, no security/CN=${name}`;
  openssl('req', ...NEW_KEY, '-subj', subject, '-keyout', `${name}.key.pem`, '-out', request);
  const signer = [
    '-CA',
    'ca.cert.pem',
    '-CAkey',
    'ca.key.pem',
    '-CAserial',
    join(scratch, 'serial'),
    '-CAcreateserial',
  ];
  openssl(
    'x509',
    '-req',
    '-in',
    request,
    ...signer,
    '-days',
    DAYS,
    '-extfile',
    extensionFile,
    '-out',
    `${name}.cert.pem`,
  );
}

try {
  authority('ca');
  authority('self-signed');
  certificate('server', 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nextendedKeyUsage=serverAuth');
  certificate('elsewhere', 'subjectAltName=DNS:elsewhere.example\nextendedKeyUsage=serverAuth');
  certificate('client', 'extendedKeyUsage=clientAuth');
  rmSync(join(here, 'ca.key.pem')); // nobody signs anything else with it
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
