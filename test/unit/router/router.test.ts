import assert from 'node:assert/strict';
import type { PublishPacket } from '../../../src/protocol/packet.ts';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import { type Receiver, Router } from '../../../src/router/router.ts';
import { randomFrom, wholeNumber } from '../../support/random.ts';
import { heapInUse } from '../garbage.ts';
import { matches, randomFilter, randomTopic } from './naive.ts';

const asFilter = (text: string): TopicFilter => text as TopicFilter;

/** Notes the filters by which messages came. */
class Sink implements Receiver {
  readonly got: string[] = [];

  receive(_packet: PublishPacket, filter: TopicFilter): void {
    this.got.push(filter);
  }
}

function packet(topic: string, identifiers?: readonly number[], retain = false): PublishPacket {
  return {
    cmd: 'publish',
    topic,
    payload: Buffer.alloc(0),
    qos: 0,
    retain,
    dup: false,
    packetId: undefined,
    properties: identifiers === undefined ? undefined : { subscriptionIdentifiers: identifiers },
  };
}

/** A router with one receiver on all these filters; those with an identifier are granted. */
function routed(filters: Readonly<Record<string, number | undefined>>): { router: Router; sink: Sink } {
  const router = new Router();
  const sink = new Sink();
  for (const [filter, identifier] of Object.entries(filters)) {
    router.add(asFilter(filter), sink);
    router.identify(asFilter(filter), identifier);
    if (identifier !== undefined) router.grant(asFilter(filter), { qos: 0, noLocal: false });
  }
  return { router, sink };
}

describe('Router', () => {
  it('says when nobody wants a message', () => {
    const { router, sink } = routed({ 'a/#': undefined });
    assert.equal(router.deliver(packet('b')), false);
    assert.equal(router.deliver(packet('a')), true);
    assert.deepEqual(sink.got, ['a/#']);
  });

  it('gives a message to every receiver of a filter, once', () => {
    const router = new Router();
    const sinks = [new Sink(), new Sink(), new Sink()];
    for (const sink of sinks) router.add(asFilter('a'), sink);
    router.add(asFilter('a'), sinks[0] ?? assert.fail());
    router.deliver(packet('a'));
    assert.deepEqual(
      sinks.map(({ got }) => got),
      [['a'], ['a'], ['a']],
    );
  });

  it('gives one copy of a message to a receiver once, however many of its filters match', () => {
    const { router, sink } = routed({ '#': undefined, 'a/#': undefined, 'a/b': undefined, '+/b': undefined });
    router.deliver(packet('a/b'));
    assert.equal(sink.got.length, 1);
  });

  it('stops with the removal of a filter, for this receiver and this filter only', () => {
    const router = new Router();
    const [one, two] = [new Sink(), new Sink()];
    for (const sink of [one, two]) for (const filter of ['a', '+']) router.add(asFilter(filter), sink);
    router.deliver(packet('a'));
    router.remove(asFilter('a'), one);
    router.remove(asFilter('+'), one);
    router.remove(asFilter('nothing'), one);
    router.remove(asFilter('a'), one);
    router.deliver(packet('a'));
    router.remove(asFilter('a'), two);
    router.deliver(packet('a'));
    assert.deepEqual([one.got.length, two.got.length], [1, 3]);
    router.remove(asFilter('+'), two);
    assert.equal(router.deliver(packet('a')), false);
  });

  it('finds a filter that is added after its topic came first', () => {
    const { router, sink } = routed({});
    assert.equal(router.deliver(packet('a/b')), false);
    router.add(asFilter('a/+'), sink);
    assert.equal(router.deliver(packet('a/b')), true);
    assert.deepEqual(sink.got, ['a/+']);
  });

  it('gives each receiver what a naive matcher gives it, while filters come and go, 10 seeds', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = randomFrom(seed);
      const router = new Router();
      const sinks = Array.from({ length: 5 }, () => ({ sink: new Sink(), filters: new Set<string>() }));
      for (let step = 0; step < 600; step++) {
        const { sink, filters } = sinks[wholeNumber(random, 0, 4)] ?? assert.fail();
        const filter = `${random() < 0.2 ? '$share/g/' : ''}${randomFilter(random)}`;
        const known = [...filters][0];
        if (random() < 0.6 || known === undefined) {
          router.add(asFilter(filter), sink);
          filters.add(filter);
        } else {
          router.remove(asFilter(known), sink);
          filters.delete(known);
        }
        const topic = randomTopic(random);
        const wanted = sinks.map((each) =>
          [...each.filters].some((one) => matches(one.replace(/^\$share\/g\//, ''), topic)),
        );
        for (const each of sinks) each.sink.got.length = 0;
        assert.equal(router.deliver(packet(topic)), wanted.includes(true));
        assert.deepEqual(
          sinks.map((each) => each.sink.got.length),
          wanted.map(Number),
          `seed ${seed}, step ${step}, ${topic}`,
        );
      }
    }
  });

  it('does not let a Server fill the memory with topics', async () => {
    const { router, sink } = routed({ '#': undefined });
    const before = await heapInUse();
    for (let n = 0; n < 30_000; n++) router.deliver(packet(`short/${n}`));
    for (let n = 0; n < 1000; n++) router.deliver(packet(`${n}/${Buffer.alloc(60_000, 'x').toString('latin1')}`));
    const grown = (await heapInUse()) - before;
    assert.equal(sink.got.length, 31_000);
    assert.ok(grown < 20_000_000, `${grown} bytes`);
  });

  describe('when several filters of a receiver match, with Subscription Identifiers (3.3.4)', () => {
    const filters = { '#': 1, 'a/#': 2, 'a/b': 3 };

    it('one copy with all identifiers is one message', () => {
      const { router, sink } = routed(filters);
      router.deliver(packet('a/b', [1, 2, 3]));
      assert.equal(sink.got.length, 1);
    });

    for (const order of [
      [1, 2, 3],
      [3, 2, 1],
      [2, 3, 1],
    ]) {
      it(`a copy for each identifier, in the order ${order.join(', ')}, is one message`, () => {
        const { router, sink } = routed(filters);
        for (const identifier of order) router.deliver(packet('a/b', [identifier]));
        assert.equal(sink.got.length, 1);
      });
    }

    it('the same publication twice is two messages', () => {
      const { router, sink } = routed(filters);
      for (const identifier of [1, 2, 3, 1, 2, 3]) router.deliver(packet('a/b', [identifier]));
      assert.equal(sink.got.length, 2);
    });

    it('a copy is for the receivers of its filter, not for those of the others', () => {
      const router = new Router();
      const [one, two] = [new Sink(), new Sink()];
      router.add(asFilter('a/#'), one);
      router.add(asFilter('a/b'), two);
      router.identify(asFilter('a/#'), 1);
      router.identify(asFilter('a/b'), 2);
      router.deliver(packet('a/b', [1]));
      assert.deepEqual([one.got, two.got], [['a/#'], []]);
      router.deliver(packet('a/b', [2]));
      assert.deepEqual([one.got, two.got], [['a/#'], ['a/b']]);
    });

    it('identifiers of an earlier connection say nothing: the topic decides', () => {
      const { router, sink } = routed(filters);
      router.deliver(packet('a/b', [77, 78]));
      assert.equal(sink.got.length, 1);
    });

    it('a copy without identifiers goes by its topic', () => {
      const { router, sink } = routed(filters);
      router.deliver(packet('a/b'));
      assert.equal(sink.got.length, 1);
    });

    it('a filter that the Server does not have, such as a refused one, swallows no copy', () => {
      for (const missing of ['#', 'a/#', 'a/b']) {
        const { router, sink } = routed({ ...filters, [missing]: undefined });
        const others = Object.entries(filters).filter(([filter]) => filter !== missing);
        for (const [, identifier] of others) router.deliver(packet('a/b', [identifier]));
        assert.equal(sink.got.length, 1, missing);
      }
    });

    it('a filter that was asked for and not answered yet swallows no copy', () => {
      for (const asked of ['#', 'a/#', 'a/b']) {
        const { router, sink } = routed(filters);
        router.identify(asFilter(asked), undefined);
        router.identify(asFilter(asked), 9);
        const others = Object.entries(filters).filter(([filter]) => filter !== asked);
        for (const [, identifier] of others) router.deliver(packet('a/b', [identifier]));
        assert.equal(sink.got.length, 1, asked);
      }
    });

    it('a filter that is asked for again is still the Server’s: copies by its old identifier are not doubled', () => {
      const { router, sink } = routed({ '#': 1, 'a/b': 2 });
      router.identify(asFilter('#'), 9);
      for (const identifier of [1, 2]) router.deliver(packet('a/b', [identifier]));
      for (const identifier of [9, 2]) router.deliver(packet('a/b', [identifier]));
      assert.equal(sink.got.length, 2);
    });

    it('a retained message comes for the filter that was subscribed, whichever it is', () => {
      for (const identifier of [1, 2, 3]) {
        const { router, sink } = routed(filters);
        router.deliver(packet('a/b', [identifier], true));
        assert.equal(sink.got.length, 1, `identifier ${identifier}`);
      }
    });
  });

  describe('shared subscriptions', () => {
    it('are matched by the filter behind their name', () => {
      const { router, sink } = routed({ '$share/g/a/#': undefined });
      router.deliver(packet('a/b'));
      assert.deepEqual(sink.got, ['$share/g/a/#']);
    });

    it('and the ordinary subscription of the same filter come and go apart', () => {
      const router = new Router();
      const [shared, ordinary] = [new Sink(), new Sink()];
      router.add(asFilter('$share/g/a'), shared);
      router.add(asFilter('a'), ordinary);
      router.remove(asFilter('$share/g/a'), shared);
      router.deliver(packet('a'));
      assert.deepEqual([shared.got, ordinary.got], [[], ['a']]);
      router.add(asFilter('$share/h/a'), shared);
      router.remove(asFilter('a'), ordinary);
      router.deliver(packet('a'));
      assert.deepEqual([shared.got, ordinary.got], [['$share/h/a'], ['a']]);
    });

    it('whose copy went to another of the group swallow no copy of an ordinary one', () => {
      for (const share of ['$share/g/#', '$share/g/a/b', '$share/g/+/b']) {
        for (const ordinary of ['#', 'a/b', 'a/+']) {
          const { router, sink } = routed({ [share]: 1, [ordinary]: 2 });
          router.deliver(packet('a/b', [2]));
          assert.deepEqual(sink.got, [ordinary], `${share} and ${ordinary}`);
        }
      }
    });

    it('whose copy comes beside that of an ordinary one are one message', () => {
      for (const share of ['$share/g/#', '$share/g/a/b']) {
        for (const copies of [[[1], [2]], [[2], [1]], [[1, 2]]]) {
          const { router, sink } = routed({ 'a/+': 2, [share]: 1 });
          for (const identifiers of copies) router.deliver(packet('a/b', identifiers));
          assert.equal(sink.got.length, 1, `${share} ${JSON.stringify(copies)}`);
        }
      }
    });

    it('of two groups each bring what comes for them', () => {
      const { router, sink } = routed({ '$share/g/#': 1, '$share/h/a': 2 });
      router.deliver(packet('a', [2]));
      router.deliver(packet('a', [1]));
      assert.equal(sink.got.length, 2);
    });
  });

  describe('what the Server retained', () => {
    it('is withheld from some receivers, until it is told otherwise; live messages are not', () => {
      const router = new Router();
      const [wants, refuses] = [new Sink(), new Sink()];
      for (const sink of [wants, refuses]) router.add(asFilter('a'), sink);
      router.withhold(asFilter('a'), new Map([[refuses, 'all']]));
      router.deliver(packet('a', undefined, true));
      assert.deepEqual([wants.got.length, refuses.got.length], [1, 0]);
      router.deliver(packet('a'));
      assert.deepEqual([wants.got.length, refuses.got.length], [2, 1]);
      router.withhold(asFilter('a'), undefined);
      router.deliver(packet('a', undefined, true));
      assert.deepEqual([wants.got.length, refuses.got.length], [3, 2]);
    });

    it('reaches a receiver by another of its filters, which does want it', () => {
      const { router, sink } = routed({ 'a/#': undefined, 'a/b': undefined });
      router.withhold(asFilter('a/#'), new Map([[sink, 'all']]));
      router.deliver(packet('a/b', undefined, true));
      assert.deepEqual(sink.got, ['a/b']);
    });
  });
});
