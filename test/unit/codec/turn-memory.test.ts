import assert from 'node:assert/strict';
import { TurnMemory } from '../../../src/codec/turn-memory.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const PIECE = 65_536;

describe('TurnMemory', () => {
  it('lends each byte once within two turns, and the same again behind them', () => {
    const clock = new FakeClock();
    const memory = new TurnMemory(clock);
    const [one, two] = [memory.copy(Buffer.from('one')), memory.copy(Buffer.from('two'))];
    clock.io();
    const three = memory.copy(Buffer.from('three'));
    assert.deepEqual([one, two, three].map(String), ['one', 'two', 'three']);
    clock.io();
    clock.io();
    const four = memory.copy(Buffer.from('four'));
    assert.ok(
      [one, three].some(({ buffer }) => buffer === four.buffer),
      'nothing new is allocated',
    );
  });

  it('copies more than a piece holds', () => {
    const memory = new TurnMemory(new FakeClock());
    const large = Buffer.alloc(3 * PIECE, 7);
    assert.deepEqual(memory.copy(large), large);
  });

  it('takes what was given back, if it is large enough', () => {
    const memory = new TurnMemory(new FakeClock());
    const [piece, large] = [memory.take(PIECE), memory.take(3 * PIECE)];
    memory.giveBack(piece);
    memory.giveBack(large);
    assert.equal(memory.take(4 * PIECE) === large, false);
    assert.equal(memory.take(2 * PIECE) === large, true);
    assert.equal(memory.take(PIECE) === piece, true);
  });

  it('lends no piece for what is small: of each connection one packet may be in two parts', () => {
    const memory = new TurnMemory(new FakeClock());
    const small = memory.take(100);
    assert.equal(small.length, 100);
    memory.giveBack(small);
    assert.equal(memory.take(100) === small, false);
  });

  it('asks for no turn while nothing is lent', () => {
    const clock = new FakeClock();
    const memory = new TurnMemory(clock);
    memory.copy(Buffer.from('one'));
    for (let turn = 0; turn < 3; turn++) clock.io();
    assert.equal(clock.quiet, true);
  });
});
