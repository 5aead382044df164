import assert from 'node:assert/strict';
import type { PublishPacket, QoS } from '../../../src/protocol/packet.ts';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import { RetiredIdentifiers } from '../../../src/router/retired-identifiers.ts';
import { type Receiver, Router } from '../../../src/router/router.ts';
import { FakeClock } from '../../support/fake-clock.ts';
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

/** One that may come back in another's place. */
class Named extends Sink {
  readonly ref = 'node';
}

function packet(topic: string, identifiers?: readonly number[], retain = false, qos: QoS = 0): PublishPacket {
  return {
    cmd: 'publish',
    topic,
    payload: Buffer.alloc(0),
    qos,
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
    if (identifier !== undefined) router.grant(asFilter(filter), { qos: 0, noLocal: false, retainAsPublished: false });
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

  describe('when several filters of a receiver were granted differently', () => {
    /** One receiver on filters that were granted one after another, with the identifiers 1, 2 and so on. */
    function granted(...routes: readonly (readonly [filter: string, qos: QoS, noLocal?: boolean])[]): {
      router: Router;
      sink: Sink;
      copy: (identifier: number, qos: QoS) => void;
    } {
      const router = new Router();
      const sink = new Sink();
      for (const [index, [filter, qos, noLocal = false]] of routes.entries()) {
        router.add(asFilter(filter), sink);
        router.identify(asFilter(filter), index + 1);
        router.grant(asFilter(filter), { qos, noLocal, retainAsPublished: false });
      }
      return { router, sink, copy: (identifier, qos) => void router.deliver(packet('a/b', [identifier], false, qos)) };
    }

    it('an alarm at QoS 1 that was queued while offline reaches a node that has the topic at QoS 0 too', () => {
      for (const order of [
        ['a/#', 'a/b'],
        ['a/b', 'a/#'],
      ] as const) {
        // The copy at QoS 0 was not queued: the other one comes alone.
        const { sink, copy } = granted([order[0], 0], [order[1], 1]);
        copy(2, 1);
        assert.equal(sink.got.length, 1, order[0]);
      }
    });

    it('an alarm at QoS 1 that comes before the SUBACK of its filter is not left out for a filter at QoS 0', () => {
      const { router, sink, copy } = granted(['a/#', 0]);
      router.add(asFilter('a/b'), sink);
      router.identify(asFilter('a/b'), 2);
      copy(2, 1);
      assert.equal(sink.got.length, 1);
    });

    it('a filter that the Server may have changed is not sure', () => {
      const { router, sink, copy } = granted(['a/#', 1], ['a/b', 1]);
      router.revoke(asFilter('a/#'));
      copy(2, 1);
      assert.equal(sink.got.length, 1);
    });

    it('a message at QoS 0 and 1 comes twice at most once, whichever copy is first', () => {
      for (const copies of [
        [1, 2],
        [2, 1],
      ]) {
        const { sink, copy } = granted(['a/#', 0], ['a/b', 1]);
        for (const identifier of copies) copy(identifier, identifier === 1 ? 0 : 1);
        sink.got.length = 0;
        for (let n = 0; n < 3; n++) for (const identifier of copies) copy(identifier, identifier === 1 ? 0 : 1);
        assert.equal(sink.got.length, 3);
      }
    });

    it('a copy at the QoS of both is sure: it comes once', () => {
      const { sink, copy } = granted(['a/#', 1], ['a/b', 1]);
      for (const identifier of [2, 1]) copy(identifier, 1);
      assert.equal(sink.got.length, 1);
    });

    it('our own publication reaches a node that has the topic with No Local and without', () => {
      for (const [first, second] of [
        [1, 2],
        [2, 1],
      ] as const) {
        const { sink, copy } = granted(['a/#', 1, first === 1], ['a/b', 1, first === 2]);
        copy(second, 1);
        assert.equal(sink.got.length, 1);
      }
    });

    it('our own publication comes by the filter without No Local, though it has the lower QoS', () => {
      const { sink, copy } = granted(['a/#', 1, true], ['a/b', 0]);
      copy(2, 0);
      assert.equal(sink.got.length, 1);
    });

    it('another’s publication comes once by a filter with No Local and one without, but for the first', () => {
      const { sink, copy } = granted(['a/#', 1, true], ['a/b', 1]);
      for (const identifier of [1, 2]) copy(identifier, 1);
      sink.got.length = 0;
      for (let n = 0; n < 3; n++) for (const identifier of [1, 2]) copy(identifier, 1);
      assert.equal(sink.got.length, 3);
    });

    it('with No Local on both, one copy of another’s publication is enough', () => {
      const { sink, copy } = granted(['a/#', 1, true], ['a/b', 1, true]);
      for (const identifier of [1, 2]) copy(identifier, 1);
      assert.equal(sink.got.length, 1);
    });

    it('what was queued for one filter before the other was granted is not taken for a second copy', () => {
      const { router, sink, copy } = granted(['a/#', 1], ['a/b', 2]);
      // Queued by the first one alone, still on its way after the second one's SUBACK.
      for (let n = 0; n < 3; n++) copy(1, 1);
      assert.equal(sink.got.length, 3);
      // With the first copy by the second one the queue has passed.
      copy(2, 1);
      sink.got.length = 0;
      for (let n = 0; n < 3; n++) for (const identifier of [1, 2]) copy(identifier, 1);
      assert.equal(sink.got.length, 3);
      assert.equal(router.deliver(packet('a/b', [1, 2], false, 1)), true);
      assert.equal(sink.got.length, 4);
    });

    it('what was queued for a filter whose place is not sure comes by it, though another one was granted since', () => {
      const { router, sink, copy } = granted(['a/b', 1]);
      const back = new Sink();
      router.revoke(asFilter('a/b'));
      for (const filter of ['a/b', 'a/#']) router.add(asFilter(filter), back);
      router.identify(asFilter('a/#'), 2);
      router.grant(asFilter('a/#'), { qos: 2, noLocal: false, retainAsPublished: false });
      copy(1, 1);
      assert.deepEqual([sink.got.length, back.got.length], [1, 1]);
    });

    it('a copy at QoS 0, which may overtake, does not tell that the queue has passed', () => {
      const { sink, copy } = granted(['a/#', 1], ['a/b', 2]);
      copy(2, 0);
      sink.got.length = 0;
      copy(1, 1);
      assert.equal(sink.got.length, 1);
    });

    it('a copy of before a filter was granted again does not tell that what it brings now has passed', () => {
      const { router, sink, copy } = granted(['a/#', 1, true], ['a/b', 1]);
      router.identify(asFilter('a/#'), 3);
      router.grant(asFilter('a/#'), { qos: 2, noLocal: false, retainAsPublished: false });
      copy(1, 1);
      sink.got.length = 0;
      // Our own, queued by the other filter alone.
      copy(2, 1);
      assert.equal(sink.got.length, 1);
    });

    it('a receiver that takes up a granted filter later misses no copy that came by it before', () => {
      const { router, copy } = granted(['a/#', 1]);
      const late = new Sink();
      router.add(asFilter('a/b'), late);
      router.identify(asFilter('a/b'), 2);
      router.grant(asFilter('a/b'), { qos: 1, noLocal: false, retainAsPublished: false });
      copy(1, 1);
      router.add(asFilter('a/#'), late);
      copy(2, 1);
      assert.equal(late.got.length, 1);
    });

    it('a filter that is granted again with more is sure of that only from then on', () => {
      for (const before of [
        { qos: 0, noLocal: false, retainAsPublished: false },
        { qos: 1, noLocal: true, retainAsPublished: false },
      ] as const) {
        const { router, sink, copy } = granted(['a/#', before.qos, before.noLocal], ['a/b', 1]);
        for (const identifier of [1, 2]) copy(identifier, before.qos);
        sink.got.length = 0;
        router.identify(asFilter('a/#'), 3);
        router.grant(asFilter('a/#'), { qos: 2, noLocal: false, retainAsPublished: false });
        copy(2, 1);
        assert.equal(sink.got.length, 1);
        copy(3, 1);
        sink.got.length = 0;
        for (let n = 0; n < 2; n++) for (const identifier of [2, 3]) copy(identifier, 1);
        assert.equal(sink.got.length, 2);
      }
    });

    it('a message is not left out on both sides, when the order of its filters changes between its copies', () => {
      for (const how of ['granted', 'asked', 'revoked'] as const) {
        const { router, sink, copy } = granted(['a/#', 1], ['a/b', 2]);
        copy(2, 1);
        sink.got.length = 0;
        // Left out, because the other filter is the better one, and proven.
        copy(1, 1);
        assert.equal(sink.got.length, 0);
        const less = { qos: 0, noLocal: false, retainAsPublished: false } as const;
        if (how === 'revoked') router.revoke(asFilter('a/b'));
        else router.identify(asFilter('a/b'), 3, less);
        if (how === 'granted') router.grant(asFilter('a/b'), less);
        copy(2, 1);
        assert.equal(sink.got.length, 1, how);
      }
    });

    it('a filter that is asked for with less is not sure of more, though the answer is not there', () => {
      const { router, sink, copy } = granted(['a/#', 1], ['a/b', 1]);
      router.identify(asFilter('a/#'), 3, { qos: 0, noLocal: false, retainAsPublished: false });
      copy(2, 1);
      assert.equal(sink.got.length, 1);
    });

    it('our own publication that was queued before a filter was granted again with No Local is not left out', () => {
      const { router, sink, copy } = granted(['a/#', 2, true], ['a/b', 1]);
      router.identify(asFilter('a/b'), 3, { qos: 1, noLocal: true, retainAsPublished: false });
      router.grant(asFilter('a/b'), { qos: 1, noLocal: true, retainAsPublished: false });
      copy(2, 1);
      assert.equal(sink.got.length, 1);
    });

    it('a merged copy with an identifier that is not known goes by its topic', () => {
      const { router, sink } = granted(['a/#', 1]);
      const other = new Sink();
      router.add(asFilter('a/b'), other);
      router.identify(asFilter('a/b'), 9);
      router.deliver(packet('a/b', [1, 4], false, 1));
      assert.deepEqual([sink.got.length, other.got.length], [1, 1]);
    });

    it('queued copies with the identifier of before a filter was asked for again come once', () => {
      const { router, sink, copy } = granted(['a/#', 1], ['a/b', 1]);
      for (const [filter, identifier] of [
        ['a/#', 8],
        ['a/b', 9],
      ] as const) {
        router.identify(asFilter(filter), identifier);
        router.grant(asFilter(filter), { qos: 1, noLocal: false, retainAsPublished: false });
      }
      for (const identifier of [1, 2, 8, 9]) copy(identifier, 1);
      assert.equal(sink.got.length, 2);
    });

    it('a copy by a filter that the Server has and nobody wants yet is not taken for one by topic', () => {
      const { router, sink, copy } = granted(['a/#', 1]);
      router.identify(asFilter('a/b'), 7);
      for (const identifier of [1, 7]) copy(identifier, 1);
      assert.equal(sink.got.length, 1);
      router.identify(asFilter('a/b'), undefined);
      copy(7, 1);
      assert.equal(sink.got.length, 2);
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

    it('do not bring a message once more that an ordinary one brings, whatever their QoS', () => {
      const router = new Router();
      const sink = new Sink();
      for (const [index, filter] of ['a/+', '$share/g/#'].entries()) {
        router.add(asFilter(filter), sink);
        router.identify(asFilter(filter), index + 1);
        router.grant(asFilter(filter), { qos: index === 0 ? 0 : 1, noLocal: false, retainAsPublished: false });
      }
      for (const identifier of [2, 1]) router.deliver(packet('a/b', [identifier]));
      assert.equal(sink.got.length, 1);
    });

    it('of two groups each bring what comes for them', () => {
      const { router, sink } = routed({ '$share/g/#': 1, '$share/h/a': 2 });
      router.deliver(packet('a', [2]));
      router.deliver(packet('a', [1]));
      assert.equal(sink.got.length, 2);
    });
  });

  describe('a filter that is asked for without end', () => {
    it('is known by its latest 64 identifiers: a copy with an earlier one is for all whose filter matches', () => {
      const { router, sink } = routed({ a: undefined });
      const other = new Sink();
      router.add(asFilter('+'), other);
      router.identify(asFilter('+'), 1000);
      for (let identifier = 1; identifier <= 65; identifier++) router.identify(asFilter('a'), identifier);
      router.deliver(packet('a', [2]));
      assert.deepEqual([sink.got.length, other.got.length], [1, 0]);
      router.deliver(packet('a', [1]));
      assert.deepEqual([sink.got.length, other.got.length], [2, 1]);
    });

    it('is remembered by its latest 1,000 identifiers when it is gone', () => {
      const retired = new RetiredIdentifiers();
      for (let identifier = 1; identifier <= 1001; identifier++) retired.add([identifier]);
      assert.deepEqual(
        [1, 2, 1001].map((identifier) => retired.has(identifier)),
        [false, true, true],
      );
    });
  });

  describe('what the Server retained', () => {
    it('is withheld from some receivers, until it is told otherwise; live messages are not', () => {
      const router = new Router();
      const [wants, refuses] = [new Sink(), new Sink()];
      for (const sink of [wants, refuses]) router.add(asFilter('a'), sink);
      router.withhold(asFilter('a'), { rules: new Map([[refuses, 'all']]), identifier: undefined, isSure: true });
      router.deliver(packet('a', undefined, true));
      assert.deepEqual([wants.got.length, refuses.got.length], [1, 0]);
      router.deliver(packet('a'));
      assert.deepEqual([wants.got.length, refuses.got.length], [2, 1]);
      router.brought(asFilter('a'), undefined);
      router.deliver(packet('a', undefined, true));
      assert.deepEqual([wants.got.length, refuses.got.length], [3, 2]);
    });

    it('is withheld from nobody where it comes again after a connection: the first may have been lost on the way', () => {
      const { router, sink } = routed({ a: undefined });
      router.withhold(asFilter('a'), { rules: new Map([[sink, 'all']]), identifier: undefined, isSure: true });
      router.deliver({ ...packet('a', undefined, true), dup: true });
      assert.equal(sink.got.length, 1);
    });

    it('is withheld by no filter that takes the place of one which has brought all', () => {
      const router = new Router();
      const had = new Sink();
      for (const filter of ['a/#', 'a/1']) router.add(asFilter(filter), filter === 'a/1' ? had : new Sink());
      const withholding = { rules: new Map([[had, 'first' as const]]), identifier: 7, isSure: true };
      router.withhold(asFilter('a/#'), { ...withholding, rules: undefined });
      router.brought(asFilter('a/#'), 7);
      router.withholdOf(asFilter('a/#'), asFilter('a/1'), withholding);
      router.deliver(packet('a/1', undefined, true));
      assert.equal(had.got.length, 1);
    });

    it('is told from live messages for 10,000 topics at a time; of others each counts as live', () => {
      const router = new Router();
      const sink = new Sink();
      router.add(asFilter('#'), sink);
      router.withhold(asFilter('#'), { rules: new Map([[sink, 'first']]), identifier: undefined, isSure: true });
      for (let n = 0; n < 10_010; n++) router.deliver(packet(`t/${n}`, undefined, true));
      assert.equal(sink.got.length, 10);
    });

    it('is told from live messages for the latest SUBSCRIBEs, where more than 100,000 topics came in all', () => {
      const router = new Router();
      const had = new Sink();
      const filters = Array.from({ length: 12 }, (_, number) => asFilter(`f${number}/#`));
      for (const filter of filters) {
        router.add(filter, had);
        router.withhold(filter, { rules: new Map([[had, 'first']]), identifier: undefined, isSure: true });
        for (let n = 0; n < 9000; n++) router.deliver(packet(filter.replace('#', `${n}`), undefined, true));
      }
      assert.equal(had.got.length, 0);
      for (const number of [0, 1, 5, 11]) router.deliver(packet(`f${number}/late`, undefined, true));
      assert.deepEqual(had.got, ['f0/#'], 'the first one made room for the last one');
    });

    it('is not noted for long by what withholds nothing: a hundred thousand live topics do not end what comes late', () => {
      const router = new Router();
      const [had, all] = [new Sink(), new Sink()];
      router.add(asFilter('late/#'), had);
      router.withhold(asFilter('late/#'), { rules: new Map([[had, 'first']]), identifier: undefined, isSure: true });
      for (let number = 0; number < 12; number++) {
        const filter = asFilter(`f${number}/#`);
        router.add(filter, all);
        router.withhold(filter, { rules: undefined, identifier: undefined, isSure: false });
        router.endRetained(filter);
        for (let n = 0; n < 10_000; n++) router.deliver(packet(`f${number}/${n}`, undefined, true));
      }
      router.deliver(packet('late/1', undefined, true));
      assert.deepEqual([had.got.length, all.got.length], [0, 120_000]);
    });

    it('reaches a receiver by another of its filters, which does want it', () => {
      const { router, sink } = routed({ 'a/#': undefined, 'a/b': undefined });
      router.withhold(asFilter('a/#'), { rules: new Map([[sink, 'all']]), identifier: undefined, isSure: true });
      router.deliver(packet('a/b', undefined, true));
      assert.deepEqual(sink.got, ['a/b']);
    });

    describe('with Retain As Published, while a SUBSCRIBE for another node brings it again', () => {
      /** A lamp's state, as every retained message of it comes under Retain As Published. */
      const state = (payload: string, properties?: PublishPacket['properties']): PublishPacket => ({
        ...packet('lamp', undefined, true, 1),
        payload: Buffer.from(payload),
        properties,
      });

      function running(): { router: Router; running: Sink; added: Sink; window: (identifier?: number) => void } {
        const router = new Router();
        const [running, added] = [new Sink(), new Sink()];
        for (const sink of [running, added]) router.add(asFilter('lamp'), sink);
        router.identify(asFilter('lamp'), 1);
        router.grant(asFilter('lamp'), { qos: 1, noLocal: false, retainAsPublished: false });
        return {
          router,
          running,
          added,
          window: (identifier) =>
            router.withhold(asFilter('lamp'), {
              rules: new Map([[running, 'repeated']]),
              identifier: identifier,
              isSure: false,
            }),
        };
      }

      it('a live retained message reaches the node that runs', () => {
        const { router, running: node, added, window } = running();
        router.deliver(state('off'));
        window();
        for (const payload of ['off', 'on']) router.deliver(state(payload));
        assert.deepEqual([node.got.length, added.got.length], [2, 3]);
      });

      it('as many live messages as were sent reach it, equal ones and large ones too', () => {
        for (const content of ['on', 'x'.repeat(1000)]) {
          const { router, running: node, window } = running();
          router.deliver(state(content));
          window();
          // One is what the Server retained, two are live.
          for (let n = 0; n < 3; n++) router.deliver(state(content));
          assert.equal(node.got.length, 3);
          window();
          router.deliver(state(content));
          assert.equal(node.got.length, 3);
        }
      });

      it('what differs in its properties is another message; the seconds left of its life are not', () => {
        const { router, running: node, window } = running();
        router.deliver(state('on', { contentType: 'a', messageExpiryInterval: 9 }));
        window();
        router.deliver(state('on', { contentType: 'a', messageExpiryInterval: 7 }));
        assert.equal(node.got.length, 1);
        router.deliver(state('on', { contentType: 'b' }));
        assert.equal(node.got.length, 2);
      });

      it('what has expired meanwhile is not retained any more: one like it is live', () => {
        const clock = new FakeClock();
        const router = new Router(undefined, clock);
        const node = new Sink();
        router.add(asFilter('lamp'), node);
        const window = { rules: new Map([[node, 'repeated' as const]]), identifier: undefined, isSure: false };
        for (const [seconds, got] of [
          [9, 0],
          [10, 1],
        ] as const) {
          router.deliver(state('alive', { messageExpiryInterval: 10 }));
          router.brought(asFilter('lamp'), undefined);
          clock.advance(seconds * 1000);
          router.withhold(asFilter('lamp'), window);
          const before = node.got.length;
          router.deliver(state('alive', { messageExpiryInterval: 1 }));
          assert.equal(node.got.length - before, got, `after ${seconds} s`);
          router.brought(asFilter('lamp'), undefined);
        }
      });

      it('a copy with the identifier of before the SUBSCRIBE is live', () => {
        const { router, running: node, window } = running();
        router.deliver(state('on', { subscriptionIdentifiers: [1] }));
        router.identify(asFilter('lamp'), 2);
        window(2);
        router.deliver(state('on', { subscriptionIdentifiers: [1] }));
        assert.equal(node.got.length, 2);
      });

      it('what came at QoS 0 while a deploy had the node away is no repetition to it', () => {
        const router = new Router();
        const [before, after] = [new Named(), new Named()];
        router.add(asFilter('lamp'), before);
        router.grant(asFilter('lamp'), { qos: 1, noLocal: false, retainAsPublished: true });
        router.release(asFilter('lamp'), before);
        router.deliver({ ...state('on'), qos: 0 });
        router.add(asFilter('lamp'), after);
        router.withhold(asFilter('lamp'), {
          rules: new Map([[after, 'repeated']]),
          identifier: undefined,
          isSure: false,
        });
        router.deliver(state('on'));
        assert.equal(after.got.length, 1);
      });

      it('a topic of 64 KiB is not kept: its copy comes twice', () => {
        const { router, running: node, window } = running();
        router.add(asFilter('#'), node);
        router.brought(asFilter('#'), undefined);
        router.remove(asFilter('lamp'), node);
        const long = packet('x'.repeat(60_000), undefined, true);
        router.deliver(long);
        window();
        router.withhold(asFilter('#'), { rules: new Map([[node, 'repeated']]), identifier: undefined, isSure: false });
        router.deliver(long);
        assert.equal(node.got.length, 2);
      });

      it('topics without end do not fill the memory: of those beyond 10,000 a copy comes twice', () => {
        const router = new Router();
        const sink = new Sink();
        router.add(asFilter('#'), sink);
        const all = Array.from({ length: 10_010 }, (_, n) => packet(`t/${n}`, undefined, true));
        all.push(packet(`long/${'x'.repeat(600)}`, undefined, true));
        for (const each of all) router.deliver(each);
        router.withhold(asFilter('#'), { rules: new Map([[sink, 'repeated']]), identifier: undefined, isSure: false });
        sink.got.length = 0;
        for (const each of all) router.deliver(each);
        assert.equal(sink.got.length, 11);
        router.remove(asFilter('#'), sink);
        router.add(asFilter('long/#'), sink);
        const last = packet('long/short', undefined, true);
        router.deliver(last);
        router.withhold(asFilter('long/#'), {
          rules: new Map([[sink, 'repeated']]),
          identifier: undefined,
          isSure: false,
        });
        sink.got.length = 0;
        router.deliver(last);
        assert.equal(sink.got.length, 0);
      });
    });
  });
});
