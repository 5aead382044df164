import assert from 'node:assert/strict';
import type { PublishPacket } from '../../../src/protocol/packet.ts';
import type { Receiver } from '../../../src/router/receiver.ts';
import { RetainedCopies } from '../../../src/router/retained-copies.ts';
import { RetainedRoom } from '../../../src/router/retained-room.ts';
import { RetainedWindow } from '../../../src/router/retained-window.ts';
import { Seat, type Withheld } from '../../../src/router/seat.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const NOBODY: Receiver = { ref: 'had', receive: () => undefined };
const HAD = new Seat(NOBODY, 1, 0, undefined);

function retained(topic: string, dup = false): PublishPacket {
  return {
    cmd: 'publish',
    topic,
    payload: Buffer.alloc(0),
    qos: 1,
    retain: true,
    dup,
    packetId: undefined,
    properties: undefined,
  };
}

function withheld(identifier?: number, rule: Withheld = 'first'): RetainedWindow {
  return new RetainedWindow(identifier, new Map([[HAD, rule]]), true);
}

/** So many topics come. */
function come(copies: RetainedCopies, count: number): void {
  for (let n = 0; n < count; n++) copies.note(retained(`t/${n}`));
}

describe('What is noted of what the Server retains', () => {
  const room = new RetainedRoom(new FakeClock());

  /** By an early SUBSCRIBE something may still come late. */
  function early(): RetainedWindow {
    const copies = new RetainedCopies(room);
    const window = withheld();
    copies.open(window);
    copies.note(retained('early'));
    return window;
  }

  const endings: Readonly<Record<string, (copies: RetainedCopies) => void>> = {
    'when all has come': (copies) => copies.close(undefined),
    'twice when all has come': (copies) => [1, 2].forEach(() => copies.close(undefined)),
    'with the connection': (copies) => copies.closeAll(),
    'with the last node of the filter': (copies) => copies.clear(),
    'by another SUBSCRIBE': (copies) => {
      copies.open(withheld());
      copies.closeAll();
    },
  };
  for (const [when, end] of Object.entries(endings)) {
    it(`is forgotten ${when}, and its room is given back`, () => {
      const window = early();
      for (let times = 0; times < 30; times++) {
        const copies = new RetainedCopies(room);
        copies.open(withheld());
        come(copies, 9000);
        end(copies);
      }
      assert.equal(window.isOver, false);
    });
  }

  it('is bounded however many were closed before: what is oldest goes', () => {
    const window = early();
    for (let times = 0; times < 12; times++) {
      const copies = new RetainedCopies(room);
      copies.open(withheld());
      come(copies, 9000);
    }
    assert.deepEqual([window.isOver, window.topics.size], [true, 0]);
  });

  it('is what came by the filter that was asked for in its place, up to when it joined', () => {
    const [cover, joining, third] = [1, 2, 3].map(() => new RetainedCopies(room)) as [
      RetainedCopies,
      RetainedCopies,
      RetainedCopies,
    ];
    const first = withheld(1);
    cover.open(first);
    cover.note(retained('t/1'));
    const second = new RetainedWindow(1, new Map([[HAD, 'first' as const]]), true, first);
    joining.open(second);
    cover.note(retained('t/2'));
    assert.deepEqual([joining.note(retained('t/1'))?.first, joining.note(retained('t/2'))?.first], [false, true]);
    third.open(new RetainedWindow(1, new Map([[HAD, 'first' as const]]), true, second));
    assert.deepEqual(
      ['t/1', 't/2', 't/3'].map((topic) => third.note(retained(topic))?.first),
      [false, false, true],
    );
    assert.equal(second.topics.size, 1, 'nothing is copied');
  });

  it('is no more of a window that had to go, though that is still in its place', () => {
    const small = new RetainedRoom(new FakeClock());
    const copies = new RetainedCopies(small);
    copies.open(withheld(7));
    copies.note(retained('t/1'));
    for (let times = 0; times < 12; times++) {
      const others = new RetainedCopies(small);
      others.open(withheld());
      come(others, 9000);
    }
    const { came } = small;
    assert.equal(copies.note(retained('t/2')), undefined);
    assert.equal(small.came, came);
    assert.equal(copies.windowOf(7), undefined);
  });

  it('is nothing of who has left', () => {
    const copies = new RetainedCopies(room);
    const window = withheld();
    copies.open(window);
    copies.leave(HAD);
    assert.equal(window.rules.size, 0);
  });

  it('counts as coming once a topic, and each time that it is sent again', () => {
    const copies = new RetainedCopies(room);
    copies.open(withheld());
    const before = room.came;
    for (const packet of [retained('a'), retained('a'), retained('b'), retained('a', true), retained('a', true)]) {
      copies.note(packet);
    }
    assert.equal(room.came - before, 4);
  });

  describe('who comes meanwhile and wants nothing of it', () => {
    const late = new Seat(NOBODY, 2, 0, undefined);

    function rulesFor(which: 'any' | 'told' | 'open'): (Withheld | undefined)[] {
      const copies = new RetainedCopies(room);
      const windows = [
        new RetainedWindow(1, new Map(), true),
        new RetainedWindow(2, new Map(), false),
        new RetainedWindow(undefined, new Map(), true),
      ];
      for (const window of windows) copies.open(window);
      copies.refrain(late, which);
      return windows.map(({ rules }) => rules.get(late));
    }

    it('gets nothing with the flag before MQTT 5', () => {
      assert.deepEqual(rulesFor('any'), ['all', 'all', 'all']);
    });

    it('gets nothing of those whose identifier and flag tell', () => {
      assert.deepEqual(rulesFor('told'), ['first', undefined, undefined]);
    });

    it('gets nothing that came before of those whose end is waited for', () => {
      assert.deepEqual(rulesFor('open'), ['first', 'repeated', 'first']);
    });
  });

  it('ends where nothing is withheld and the flag does not tell, when all has come', () => {
    const copies = new RetainedCopies(room);
    const windows = [
      new RetainedWindow(1, new Map(), true),
      new RetainedWindow(2, new Map(), false),
      new RetainedWindow(3, new Map([[HAD, 'repeated']]), false),
    ];
    for (const window of windows) copies.open(window);
    copies.end();
    assert.deepEqual(
      [1, 2, 3].map((identifier) => copies.windowOf(identifier) !== undefined),
      [true, false, true],
    );
  });
});
