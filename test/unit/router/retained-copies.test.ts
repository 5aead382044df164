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

  describe('by a filter that was asked for in place of another', () => {
    /** One that the flag does not tell. */
    function ambiguous(cover?: RetainedWindow): RetainedWindow {
      return new RetainedWindow(1, new Map([[HAD, 'repeated' as const]]), false, cover);
    }

    /** A window that takes the place of another, by which `t/1` came before and `t/2` since. */
    function joined(own = new RetainedRoom(new FakeClock())): {
      readonly covers: RetainedCopies;
      readonly cover: RetainedWindow;
      readonly joining: RetainedCopies;
      readonly window: RetainedWindow;
    } {
      const [covers, joining] = [new RetainedCopies(own), new RetainedCopies(own)];
      const cover = ambiguous();
      covers.open(cover);
      covers.note(retained('t/1'));
      const window = ambiguous(cover);
      joining.open(window);
      covers.note(retained('t/2'));
      return { covers, cover, joining, window };
    }

    const firsts = (copies: RetainedCopies, ...topics: string[]): (boolean | undefined)[] =>
      topics.map((topic) => copies.note(retained(topic))?.first);

    it('is what had come by that, up to when it took its place', () => {
      const { joining, window } = joined();
      assert.deepEqual(firsts(joining, 't/1', 't/2'), [false, true]);
      const third = new RetainedCopies(room);
      third.open(ambiguous(window));
      assert.deepEqual(firsts(third, 't/1', 't/2', 't/3'), [false, false, true]);
      assert.equal(window.topics.size, 1, 'nothing is copied');
    });

    const losses: Readonly<Record<string, (scene: ReturnType<typeof joined>) => void>> = {
      'has brought all': ({ covers }) => covers.close(1),
      'is gone with its nodes': ({ covers }) => covers.clear(),
      'withholds nothing any more': ({ covers, cover }) => {
        cover.leave(HAD);
        covers.open(new RetainedWindow(2, new Map(), true));
        room.empty(cover);
      },
      'had more than is noted': ({ covers }) => come(covers, 10_001),
    };
    for (const [what, lose] of Object.entries(losses)) {
      it(`may be any topic where that ${what}: a live message is not withheld for it`, () => {
        const scene = joined();
        lose(scene);
        assert.deepEqual(firsts(scene.joining, 't/3'), [false]);
      });
    }

    it('is told by flag and identifier, where they tell: of the other nothing is kept', () => {
      const covers = new RetainedCopies(room);
      const cover = withheld(1);
      covers.open(cover);
      covers.note(retained('t/1'));
      const joining = new RetainedCopies(room);
      joining.open(new RetainedWindow(1, new Map([[HAD, 'first' as const]]), true, cover));
      covers.clear();
      assert.equal(cover.topics.size, 0);
      assert.deepEqual(firsts(joining, 't/1', 't/3', 't/3'), [true, true, false]);
    });
  });

  it('has its last content known for ten thousand topics of a filter, and for those of nine others besides', () => {
    const own = new RetainedRoom(new FakeClock());
    const filters = Array.from({ length: 11 }, () => new RetainedCopies(own));
    for (const copies of filters) {
      come(copies, 10_001);
      copies.open(withheld());
    }
    const isKnown = (copies: RetainedCopies | undefined, topic: string): unknown =>
      copies?.note(retained(topic))?.repeated;
    assert.deepEqual(
      [filters[0], filters[9], filters[10]].map((copies) => [isKnown(copies, 't/9999'), isKnown(copies, 't/10000')]),
      [
        [true, false],
        [true, false],
        [false, false],
      ],
    );
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
