import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type TlsOptions, systemCodeOf } from '../../../src/index.ts';
import { phase, useBench } from '../../support/client-bench.ts';
import { optionalTool } from '../../support/optional.ts';
import { freePort } from '../../support/ports.ts';
import { RealBroker } from '../../support/real-broker.ts';

const GUIDE = join(__dirname, '../../../docs/guide/tls.md');
const run = promisify(execFile);

/** The guide's blocks of one language, with this machine's names in the place of the reader's. */
async function blocks(language: 'sh' | 'conf'): Promise<string[][]> {
  const text = (await readFile(GUIDE, 'utf8'))
    .replaceAll('broker.lan', 'localhost')
    .replaceAll('192.168.1.10', '127.0.0.1');
  const found = text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'));
  return [...found].map(([, lines = '']) => lines.trim().split('\n'));
}

describe('docs/guide/tls.md, followed to the letter', () => {
  const bench = useBench();
  let folder: string;
  let broker: RealBroker | undefined;
  let port: number;

  before(async function () {
    if (optionalTool('mosquitto') === undefined || optionalTool('openssl') === undefined) return this.skip();
    folder = await mkdtemp(join(tmpdir(), 'posthorn-guide-'));
    for (const lines of await blocks('sh')) {
      for (const line of lines) await run('sh', ['-c', line], { cwd: folder });
    }
  });

  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  afterEach(async () => {
    await broker?.stop();
    broker = undefined;
  });

  /** mosquitto with the lines of the first so many blocks of its configuration. */
  async function start(count: number): Promise<void> {
    const program = optionalTool('mosquitto') ?? '';
    port = await freePort();
    const lines = (await blocks('conf'))
      .slice(0, count)
      .flat()
      .map((line) =>
        line.replace('/etc/mosquitto/certs', folder).replace('listener 8883', `listener ${port} 127.0.0.1`),
      );
    broker = await RealBroker.start(program, { lines });
  }

  const file = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

  async function connects(host: string, tls: TlsOptions): Promise<void> {
    const client = bench.client(`mqtts://${host}:${port}`, { clientId: 'guide', tls });
    client.connect();
    await phase(client, 'connected');
  }

  async function fails(host: string, tls: TlsOptions): Promise<string> {
    const client = bench.client(`mqtts://${host}:${port}`, { clientId: 'guide', tls });
    client.connect();
    const { cause } = await phase(client, 'waiting');
    return `${cause.code} ${systemCodeOf(cause.cause)}`;
  }

  it('ends in a verified connection, by name and by address', async () => {
    await start(1);
    for (const host of ['localhost', '127.0.0.1']) await connects(host, { ca: await file('ca.crt') });
  });

  it('without the CA, or with the broker’s certificate for it, the connection is refused', async () => {
    await start(1);
    for (const tls of [{}, { ca: await file('broker.crt') }]) {
      assert.equal(await fails('localhost', tls), 'tls-failed UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    }
  });

  it('with certificates for clients, one that has it is let in by its name, and one that has none is not', async () => {
    await start(2);
    const ca = await file('ca.crt');
    await connects('localhost', { ca, cert: await file('node-red.crt'), key: await file('node-red.key') });
    assert.match(broker?.log ?? '', /u'node-red'/);
    assert.match(await fails('localhost', { ca }), /^(tls-failed|connection-lost|unreachable)/);
  });
});
