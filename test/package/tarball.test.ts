import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKOUT, MANIFEST, NODE_SETS } from './support/checkout.ts';
import { packTarball, type Tarball } from './support/tarball.ts';

const AT_THE_TOP = ['LICENSE', 'README.md', 'package.json'];
const PACKED = [
  /^dist\/(src|nodes)\/.+\.(js|js\.map|d\.ts)$/,
  /^dist\/nodes\/[^/]+\/[^/]+\.html$/,
  /^dist\/nodes\/failures\/texts\/en-US\.json$/,
  /^dist\/nodes\/[^/]+\/locales\/[^/]+\/[^/]+\.(json|html)$/,
  /^dist\/nodes\/[^/]+\/icons\/[^/]+\.(svg|png)$/,
  /^examples\/[^/]+\.json$/,
];

describe('the packed package', () => {
  let tarball: Tarball;
  let folder: string;

  before(async function () {
    this.timeout(30_000);
    tarball = await packTarball();
    folder = mkdtempSync(join(tmpdir(), 'posthorn-unpacked-'));
    await tarball.unpack(folder);
  });

  after(() => {
    tarball.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('contains its licence, its README and its manifest', () => {
    assert.deepEqual(
      AT_THE_TOP.filter((path) => !tarball.files.includes(path)),
      [],
    );
  });

  it('contains every file that its manifest names', () => {
    const named = [MANIFEST.main, MANIFEST.types, ...Object.values(MANIFEST['node-red'].nodes)];
    assert.deepEqual(missing(named), []);
  });

  it('contains, for each node set, the editor half and the English texts where Node-RED looks for them', () => {
    const wanted = NODE_SETS.flatMap((set) => [
      `dist/nodes/${set}/${set}.html`,
      `dist/nodes/${set}/locales/en-US/${set}.json`,
    ]);
    assert.deepEqual(missing(wanted), []);
  });

  it('contains the icons of the nodes and every example', () => {
    const examples = readdirSync(join(CHECKOUT, 'examples')).map((name) => `examples/${name}`);
    assert.deepEqual(missing(examples), []);
    for (const set of ['mqtt-in', 'mqtt-out', 'mqtt-ack']) {
      assert.ok(
        tarball.files.some((path) => path.startsWith(`dist/nodes/${set}/icons/`)),
        set,
      );
    }
  });

  it('contains nothing else: no sources, no tests, no tools', () => {
    const unexpected = tarball.files.filter(
      (path) => !AT_THE_TOP.includes(path) && !PACKED.some((pattern) => pattern.test(path)),
    );
    assert.deepEqual(unexpected, []);
  });

  it('contains the source in every source map, since the source files stay behind', () => {
    const maps = tarball.files.filter((path) => path.endsWith('.map'));
    const withoutSource = maps.filter((path) => {
      const map = JSON.parse(readFileSync(join(folder, path), 'utf8')) as { sourcesContent?: (string | null)[] };
      return !map.sourcesContent?.every((source) => typeof source === 'string');
    });
    assert.deepEqual(withoutSource, []);
  });

  function missing(paths: readonly string[]): string[] {
    return paths.filter((path) => !tarball.files.includes(path));
  }
});
