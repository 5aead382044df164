import assert from 'node:assert/strict';
import type { Mark } from './evidence.ts';
import { EDGE_MS, Excuses, type Incidents, TOLD_MS } from './incidents.ts';
import { type InFacts, judgeIncoming, judgeOutgoing, offencesOf, type OutFacts } from './judge.ts';
import { EMPTY_PAGE, type Page } from './ledger.ts';

const NOTHING: Incidents = { kills: [], ends: [], forgotten: [], damaged: {}, dials: { c: [1] } };
const STREAM = { name: 'stream', connection: 'c', qos: 2, isKept: true } as const;

/** Marks of these numbers, a second after one another from 1,000 on. */
function marks(...numbers: readonly number[]): Mark[] {
  return numbers.map((number, index) => ({ number, at: 1000 * (index + 1) }));
}

function at(number: number, time: number): Mark {
  return { number, at: time };
}

function page(parts: Partial<Page>): Page {
  return { ...EMPTY_PAGE, ...parts };
}

describe('the judge of the breaker, on what an mqtt-out took', () => {
  function judged(facts: Partial<OutFacts>, incidents: Partial<Incidents> = {}): ReturnType<typeof judgeOutgoing> {
    const all = { ...STREAM, page: EMPTY_PAGE, arrivals: [], acknowledged: [], ...facts };
    return judgeOutgoing(all, new Excuses({ ...NOTHING, ...incidents }));
  }

  function offences(facts: Partial<OutFacts>, incidents?: Partial<Incidents>): string[] {
    return offencesOf(judged(facts, incidents));
  }

  it('finds nothing where each arrived once, in order, and was told as done', () => {
    const all = marks(0, 1, 2);
    assert.deepEqual(offences({ page: page({ accepted: all, done: all }), arrivals: all }), []);
  });

  it('what did not arrive, and of which nothing was told, is lost', () => {
    const facts = { page: page({ accepted: marks(0, 1), done: marks(0) }), arrivals: marks(0) };
    assert.deepEqual(offences(facts), ['stream: 1 lost: 1', 'stream: 1 untold: 1']);
  });

  it('what was told as done and did not arrive is lost, and untrue', () => {
    const facts = { page: page({ accepted: marks(0), done: marks(0) }) };
    assert.deepEqual(offences(facts), ['stream: 1 lost: 0', 'stream: 1 untrue: 0']);
  });

  it('what was told as failed is not owed', () => {
    const failed = [{ ...at(0, 1000), why: 'no' }];
    const verdict = judged({ page: page({ accepted: marks(0), failed }) });
    assert.deepEqual([offencesOf(verdict), verdict.owed, verdict.failed], [[], 0, 1]);
  });

  it('at QoS 0 nothing is owed', () => {
    assert.deepEqual(offences({ qos: 0, page: page({ accepted: marks(0), done: marks(0) }) }), []);
  });

  it('what was told twice is an offence, whatever was told', () => {
    const twice = page({ accepted: marks(0), done: marks(0), failed: [{ ...at(0, 1500), why: 'no' }] });
    assert.deepEqual(offences({ page: twice, arrivals: marks(0) }), ['stream: 1 toldTwice: 0']);
  });

  it('what comes twice is an offence at QoS 0, and at QoS 2 over a kept session', () => {
    const facts = { page: page({ accepted: marks(0), done: marks(0) }), arrivals: marks(0, 0) };
    assert.deepEqual(offences({ ...facts, qos: 0 }), ['stream: 1 doubled: 0']);
    assert.deepEqual(offences({ ...facts, qos: 2 }), ['stream: 1 doubled: 0']);
    assert.deepEqual([offences({ ...facts, qos: 1 }), offences({ ...facts, isKept: false })], [[], []]);
    assert.equal(judged({ ...facts, qos: 1 }).again, 1);
  });

  it('what comes behind a later one for the first time is out of order, what comes again is not', () => {
    const all = marks(0, 1, 2);
    const facts = { qos: 1, page: page({ accepted: all, done: all }) } as const;
    assert.deepEqual(offences({ ...facts, arrivals: marks(0, 2, 1) }), ['stream: 1 disordered: 1']);
    assert.deepEqual(offences({ ...facts, arrivals: marks(0, 1, 0, 2) }), []);
  });

  describe('excuses the loss', () => {
    const accepted = page({ accepted: [at(0, 1000)] });
    const ended = { ends: [1000 + EDGE_MS] };

    it('of what a kill caught on its way to the disk, and of nothing older', () => {
      const caught = { ...ended, kills: [{ from: 1000 + EDGE_MS, to: 1000 + EDGE_MS }] };
      const older = { ...ended, kills: [{ from: 1001 + EDGE_MS, to: 1001 + EDGE_MS }] };
      assert.deepEqual(offences({ page: accepted }, caught), []);
      assert.deepEqual(offences({ page: accepted }, older), ['stream: 1 lost: 0']);
    });

    it('of what was accepted before the store was open, as long as it was not, or only just', () => {
      const kills = [{ from: 5000, to: 5000 }];
      const life = { ends: [500, 5000], kills };
      assert.deepEqual(offences({ page: accepted }, { ...life, dials: { c: [1] } }), []);
      assert.deepEqual(offences({ page: accepted }, { ...life, dials: { c: [1, 5000 - EDGE_MS] } }), []);
      const early = offences({ page: accepted }, { ...life, dials: { c: [1, 4999 - EDGE_MS] } });
      assert.deepEqual(early, ['stream: 1 lost: 0']);
      const stopped = offences({ page: accepted }, { ends: [500, 5000], dials: { c: [1] } });
      assert.deepEqual(stopped, ['stream: 1 lost: 0']);
    });

    it('of what a broker that was killed had said, and a silent connection held back', () => {
      const page = { ...EMPTY_PAGE, accepted: [at(0, 1000)], done: [at(0, 3000)] };
      const forgotten = [{ from: 1900, to: 2000 }];
      assert.deepEqual(offences({ page, acknowledged: [{ ...at(0, 3000), since: 1500 }] }, { forgotten }), []);
      const other = offences({ page, acknowledged: [{ ...at(0, 3000), since: 2500 }] }, { forgotten });
      assert.deepEqual(other, ['stream: 1 lost: 0', 'stream: 1 untrue: 0']);
    });

    it('but not where it was told as done', () => {
      const done = page({ accepted: [at(0, 1000)], done: [at(0, 1010)] });
      const caught = { ...ended, kills: [{ from: 1020, to: 1020 }] };
      assert.deepEqual(offences({ page: done }, caught), ['stream: 1 lost: 0', 'stream: 1 untrue: 0']);
    });

    it('of what the broker took and has forgotten, and of nothing that it took before', () => {
      const done = page({ accepted: [at(0, 1000)], done: [at(0, 1010)] });
      const facts = { page: done, acknowledged: [at(0, 1010)] };
      assert.deepEqual(offences(facts, { forgotten: [{ from: 1005, to: 1100 }] }), []);
      const later = offences(facts, { forgotten: [{ from: 1050, to: 1100 }] });
      assert.deepEqual(later, ['stream: 1 lost: 0', 'stream: 1 untrue: 0']);
    });

    it('of what was written to a store that was damaged, of that connection alone', () => {
      const span = [{ from: 900, to: 1050 }];
      assert.deepEqual(offences({ page: accepted }, { ...ended, damaged: { c: span } }), []);
      assert.deepEqual(offences({ page: accepted }, { ...ended, damaged: { d: span } }), ['stream: 1 lost: 0']);
    });
  });

  describe('excuses what comes twice', () => {
    const facts = {
      page: page({ accepted: [at(0, 1000)], done: [at(0, 1010)] }),
      arrivals: [at(0, 1005), at(0, 2000)],
    };

    it('from a broker that has forgotten that it sent it, but not before it was killed', () => {
      assert.deepEqual(offences(facts, { forgotten: [{ from: 1000, to: 1100 }] }), []);
      assert.deepEqual(offences(facts, { forgotten: [{ from: 1000, to: 2100 }] }), ['stream: 1 doubled: 0']);
      assert.deepEqual(offences(facts, { forgotten: [{ from: 1600, to: 1700 }] }), ['stream: 1 doubled: 0']);
    });

    it('where the store lost that it was done', () => {
      assert.deepEqual(offences(facts, { damaged: { c: [{ from: 1008, to: 1100 }] } }), []);
      assert.deepEqual(offences(facts, { damaged: { c: [{ from: 1200, to: 1300 }] } }), ['stream: 1 doubled: 0']);
    });

    it('never by a kill of Node-RED alone', () => {
      assert.deepEqual(offences(facts, { kills: [{ from: 1006, to: 1006 }] }), ['stream: 1 doubled: 0']);
    });
  });

  it('excuses silence by the end of the process, unless there was time enough', () => {
    const facts = { page: page({ accepted: [at(0, 1000)] }), arrivals: marks(0) };
    assert.deepEqual(offences(facts, { ends: [1000 + TOLD_MS - 1] }), []);
    assert.deepEqual(offences(facts, { ends: [1000 + TOLD_MS] }), ['stream: 1 untold: 0']);
    assert.deepEqual(offences(facts, { ends: [999] }), ['stream: 1 untold: 0']);
  });
});

describe('the judge of the breaker, on what the broker took from outside', () => {
  function offences(facts: Partial<InFacts>, incidents: Partial<Incidents> = {}): string[] {
    const all = {
      ...STREAM,
      page: EMPTY_PAGE,
      published: [],
      had: [],
      given: [],
      releasedAgain: [],
      taken: [],
      open: [],
      ...facts,
    };
    return offencesOf(judgeIncoming(all, new Excuses({ ...NOTHING, ...incidents })));
  }

  it('finds nothing where each came once, in order', () => {
    const all = marks(0, 1, 2);
    assert.deepEqual(offences({ page: page({ received: all }), published: all, taken: all }), []);
  });

  it('over a kept session all of it is owed', () => {
    assert.deepEqual(offences({ published: marks(0) }), ['stream: 1 lost: 0']);
  });

  it('over a clean session what our client took is owed, or got over the last connection, and nothing else', () => {
    const facts = { isKept: false, published: marks(0, 1, 2), taken: marks(1), open: [2] };
    assert.deepEqual(offences(facts), ['stream: 2 lost: 1, 2']);
  });

  it('at QoS 0 nothing is owed, but nothing comes twice', () => {
    assert.deepEqual(offences({ qos: 0, published: marks(0) }), []);
    assert.deepEqual(offences({ qos: 0, page: page({ received: marks(0, 0) }) }), ['stream: 1 doubled: 0']);
  });

  it('what comes twice is an offence at QoS 2 over a kept session', () => {
    const facts = { page: page({ received: marks(0, 0) }) };
    assert.deepEqual(offences(facts), ['stream: 1 doubled: 0']);
    assert.deepEqual([offences({ ...facts, qos: 1 }), offences({ ...facts, isKept: false })], [[], []]);
  });

  it('what comes behind a later one is out of order', () => {
    assert.deepEqual(offences({ page: page({ received: marks(1, 0) }) }), ['stream: 1 disordered: 0']);
  });

  it('excuses the loss of what the broker has forgotten, by either of its words', () => {
    const forgotten = [{ from: 900, to: 1100 }];
    assert.deepEqual(offences({ published: [at(0, 1000)] }, { forgotten }), []);
    assert.deepEqual(offences({ published: [at(0, 2000)], had: [at(0, 1000)] }, { forgotten }), []);
    assert.deepEqual(offences({ published: [at(0, 2000)], had: [at(0, 1900)] }, { forgotten }), ['stream: 1 lost: 0']);
  });

  it('excuses the loss of what a kill caught between the wire and the flow, and of nothing older', () => {
    const facts = { published: [at(0, 900)], taken: [at(0, 1000)] };
    assert.deepEqual(offences(facts, { kills: [{ from: 1010, to: 1020 }] }), []);
    assert.deepEqual(offences(facts, { kills: [{ from: 1200, to: 1210 }] }), ['stream: 1 lost: 0']);
  });

  it('excuses what comes twice because a kill caught it, and nothing older', () => {
    const facts = { page: page({ received: [at(0, 1000), at(0, 2000)] }) };
    assert.deepEqual(offences(facts, { kills: [{ from: 1010, to: 1020 }] }), []);
    assert.deepEqual(offences(facts, { kills: [{ from: 1200, to: 1210 }] }), ['stream: 1 doubled: 0']);
    assert.deepEqual(offences({ ...facts, qos: 0 }, { kills: [{ from: 1010, to: 1020 }] }), ['stream: 1 doubled: 0']);
  });

  it('excuses what comes twice from a broker that has forgotten it, also when it came late', () => {
    const facts = { page: page({ received: [at(0, 3000), at(0, 4000)] }) };
    const forgotten = [{ from: 1900, to: 2000 }];
    assert.deepEqual(offences({ ...facts, given: [{ ...at(0, 3000), since: 1500 }] }, { forgotten }), []);
    assert.deepEqual(offences({ ...facts, given: [{ ...at(0, 3000), since: 2500 }] }, { forgotten }), [
      'stream: 1 doubled: 0',
    ]);
  });

  it('excuses what the broker sent again though it had released it, and nothing else', () => {
    const facts = { page: page({ received: [at(0, 1000), at(0, 2000)] }) };
    assert.deepEqual(offences({ ...facts, releasedAgain: [at(0, 2000)] }), []);
    assert.deepEqual(offences({ ...facts, releasedAgain: [at(1, 2000)] }), ['stream: 1 doubled: 0']);
  });

  it('excuses what comes twice where the store lost that it came', () => {
    const facts = { page: page({ received: [at(0, 1000), at(0, 2000)] }) };
    assert.deepEqual(offences(facts, { damaged: { c: [{ from: 950, to: 1050 }] } }), []);
    assert.deepEqual(offences(facts, { damaged: { c: [{ from: 1500, to: 1550 }] } }), ['stream: 1 doubled: 0']);
  });
});
