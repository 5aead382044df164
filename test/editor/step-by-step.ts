import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EditorPage } from './editor-page.ts';

/** The tests of the surrounding `describe` stand on one another: behind one that failed, which leaves a picture, none runs. */
export function stepByStep(editor: () => EditorPage): void {
  let broken = false;

  beforeEach(function () {
    if (broken) this.skip();
  });

  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    broken = true;
    await editor().screenshot(join(tmpdir(), 'posthorn-screenshots-failure.png'));
  });
}
