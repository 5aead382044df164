import assert from 'node:assert/strict';
import { Reception } from '../../../src/transport/reception.ts';

/** As a socket reads: into the one buffer. @returns whether it goes on reading. */
function read(reception: Reception, text: string): boolean {
  const buffer = Buffer.alloc(100);
  const goesOn = reception.onread.callback(buffer.write(text), buffer);
  buffer.fill('!');
  return goesOn;
}

const inAMoment = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One that notes what it hands on. */
function taken(): { reception: Reception; texts: string[]; reads: () => number } {
  const reception = new Reception();
  const texts: string[] = [];
  let reads = 0;
  reception.start((chunk) => texts.push(String(chunk)));
  reception.resume(() => (reads += 1));
  return { reception, texts, reads: () => reads };
}

describe('what a socket reads', () => {
  it('before somebody takes it waits for him, and nothing more is read', async () => {
    const reception = new Reception();
    const texts: string[] = [];
    assert.deepEqual([read(reception, 'a'), read(reception, 'b')], [false, false]);
    reception.start((chunk) => texts.push(String(chunk)));
    assert.equal(texts.length, 0, 'not from within');
    reception.resume(() => texts.push('reads on'));
    await inAMoment();
    assert.deepEqual(texts, ['a', 'b', 'reads on']);
  });

  it('is handed on at once, and read on', () => {
    const { reception, texts, reads } = taken();
    assert.equal(read(reception, 'a'), true);
    assert.deepEqual([texts, reads()], [['a'], 1]);
  });

  it('while paused waits, in order, also in front of what comes before it was taken', async () => {
    const { reception, texts } = taken();
    reception.pause();
    assert.equal(read(reception, 'a'), false);
    reception.resume(() => undefined);
    read(reception, 'b');
    assert.deepEqual(texts, []);
    await inAMoment();
    assert.deepEqual(texts, ['a', 'b']);
  });

  it('is not read on when the first that waited paused it again', async () => {
    const reception = new Reception();
    const texts: string[] = [];
    reception.start((chunk) => {
      texts.push(String(chunk));
      reception.pause();
    });
    for (const text of ['a', 'b']) read(reception, text);
    const readOn = (): void => void texts.push('reads on');
    reception.resume(readOn);
    await inAMoment();
    assert.deepEqual(texts, ['a']);
    let isTaken = false;
    reception.whenTaken(() => (isTaken = true));
    reception.resume(readOn);
    await inAMoment();
    assert.deepEqual([texts, isTaken], [['a', 'b'], false], 'it is paused');
    reception.resume(readOn);
    assert.equal(isTaken, false, 'not from within');
    await inAMoment();
    assert.deepEqual([texts, isTaken], [['a', 'b', 'reads on'], true]);
  });

  it('when the connection broke is handed on, paused or not; what nobody wants is not', () => {
    for (const wanted of [true, false]) {
      const { reception, texts } = taken();
      reception.pause();
      read(reception, 'a');
      if (wanted) reception.flush();
      else reception.discard();
      let isTaken = false;
      reception.whenTaken(() => (isTaken = true));
      assert.deepEqual([texts, isTaken], [wanted ? ['a'] : [], true]);
    }
  });
});
