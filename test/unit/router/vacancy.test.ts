import assert from 'node:assert/strict';
import type { PublishPacket, QoS } from '../../../src/protocol/packet.ts';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import { type Handout, type Receiver, Router, type Vacancy } from '../../../src/router/router.ts';

const asFilter = (text: string): TopicFilter => text as TopicFilter;

class Node implements Receiver {
  readonly ref: string | undefined;
  readonly got: string[] = [];
  /** What it does with a message, besides noting it. */
  react: () => void = () => {};

  constructor(ref?: string) {
    this.ref = ref;
  }

  receive(packet: PublishPacket): void {
    this.got.push(packet.topic);
    this.react();
  }
}

/** What a publication's delivery is told. */
class Notes implements Handout {
  readonly receivers: Receiver[] = [];
  readonly vacancies: Vacancy[] = [];

  had(receiver: Receiver): void {
    this.receivers.push(receiver);
  }

  awaits(vacancy: Vacancy): void {
    this.vacancies.push(vacancy);
  }

  begin(): never {
    throw new TypeError('nobody works here');
  }
}

function packet(topic: string, qos: QoS = 1, identifiers?: readonly number[]): PublishPacket {
  return {
    cmd: 'publish',
    topic,
    payload: Buffer.alloc(0),
    qos,
    retain: false,
    dup: false,
    packetId: undefined,
    properties: identifiers === undefined ? undefined : { subscriptionIdentifiers: identifiers },
  };
}

/** A router with one node on these filters. */
function scene(...filters: readonly string[]): { router: Router; node: Node; notes: Notes } {
  const router = new Router();
  const node = new Node('n1');
  for (const filter of filters) router.add(asFilter(filter), node);
  return { router, node, notes: new Notes() };
}

describe('Router, while a deploy takes receivers away and brings them back', () => {
  it('notes each receiver just before it gets a publication', () => {
    const { router, node, notes } = scene('a');
    node.react = () => assert.deepEqual(notes.receivers, [node]);
    assert.equal(router.deliver(packet('a'), notes), true);
    assert.deepEqual(node.got, ['a']);
  });

  it('a message for a released node is awaited by its vacancy, and is not nobody’s', () => {
    const { router, node, notes } = scene('a');
    const vacancy = router.release(asFilter('a'), node);
    assert.equal(router.deliver(packet('a'), notes), true);
    assert.deepEqual([notes.vacancies, notes.receivers, node.got], [[vacancy], [], []]);
    assert.equal(vacancy?.state, 'awaited');
  });

  it('at QoS 0 nobody waits', () => {
    const { router, node } = scene('a');
    router.release(asFilter('a'), node);
    assert.equal(router.deliver(packet('a', 0)), false);
  });

  it('those who stay get the message at once, beside the vacancy', () => {
    const { router, node, notes } = scene('a/b');
    const logger = new Node('log');
    router.add(asFilter('a/#'), logger);
    const vacancy = router.release(asFilter('a/b'), node);
    router.deliver(packet('a/b'), notes);
    assert.deepEqual([logger.got, notes.receivers, notes.vacancies], [['a/b'], [logger], [vacancy]]);
  });

  it('the next receiver of the same ref and filter fills the vacancy', () => {
    const { router, node, notes } = scene('a');
    const vacancy = router.release(asFilter('a'), node);
    const next = new Node('n1');
    router.add(asFilter('a'), next);
    assert.deepEqual(vacancy?.state, { receiver: next, filter: 'a' });
    router.deliver(packet('a'), notes);
    assert.deepEqual([next.got, node.got, notes.vacancies], [['a'], [], []]);
    router.prune();
    assert.deepEqual(vacancy?.state, { receiver: next, filter: 'a' });
  });

  it('another node, or the same on another filter, does not fill it', () => {
    const { router, node } = scene('a');
    const vacancy = router.release(asFilter('a'), node);
    router.add(asFilter('a'), new Node('n2'));
    router.add(asFilter('a'), new Node());
    router.add(asFilter('b'), new Node('n1'));
    assert.equal(vacancy?.state, 'awaited');
  });

  it('is given up with the pruning, and matches nothing any more', () => {
    const { router, node, notes } = scene('a');
    const vacancy = router.release(asFilter('a'), node);
    router.prune();
    assert.equal(vacancy?.state, 'given-up');
    assert.equal(router.deliver(packet('a'), notes), false);
    assert.deepEqual(notes.vacancies, []);
    router.add(asFilter('a'), new Node('n1'));
    assert.equal(vacancy?.state, 'given-up');
  });

  it('a receiver without a ref leaves none', () => {
    const router = new Router();
    const node = new Node();
    router.add(asFilter('a'), node);
    assert.equal(router.release(asFilter('a'), node), undefined);
    assert.equal(router.deliver(packet('a'), new Notes()), false);
  });

  it('two receivers of one ref leave one place between them', () => {
    const { router, node } = scene('a');
    const other = new Node('n1');
    router.add(asFilter('a'), other);
    const vacancy = router.release(asFilter('a'), node);
    assert.equal(router.release(asFilter('a'), other), undefined);
    router.add(asFilter('a'), new Node('n1'));
    assert.equal(typeof vacancy?.state, 'object');
  });

  it('what is retained, and the released node had, does not wait for it when another one subscribes', () => {
    const { router, node, notes } = scene('a');
    const retained = { ...packet('a'), retain: true };
    router.deliver(retained, notes);
    router.release(asFilter('a'), node);
    router.withhold(asFilter('a'), { rules: new Map(), identifier: undefined, isSure: false });
    router.deliver(retained, notes);
    assert.deepEqual(notes.vacancies, []);
    router.deliver({ ...retained, payload: Buffer.from('live') }, notes);
    assert.equal(notes.vacancies.length, 1);
  });

  it('of a second deploy is a new vacancy', () => {
    const { router, node, notes } = scene('a');
    const first = router.release(asFilter('a'), node);
    const next = new Node('n1');
    router.add(asFilter('a'), next);
    const second = router.release(asFilter('a'), next);
    router.deliver(packet('a'), notes);
    assert.deepEqual(notes.vacancies, [second]);
    assert.notEqual(first, second);
  });

  describe('over several filters of one node', () => {
    it('one of its vacancies waits for a message', () => {
      const { router, node, notes } = scene('#', 'a/#', 'a/b');
      for (const filter of ['#', 'a/#', 'a/b']) router.release(asFilter(filter), node);
      assert.equal(router.deliver(packet('a/b'), notes), true);
      assert.equal(notes.vacancies.length, 1);
    });

    it('a node that is back in one of them has the message, and nobody waits for it', () => {
      for (const back of ['#', 'a/#', 'a/b']) {
        const { router, node, notes } = scene('#', 'a/#', 'a/b');
        for (const filter of ['#', 'a/#', 'a/b']) router.release(asFilter(filter), node);
        const next = new Node('n1');
        router.add(asFilter(back), next);
        router.deliver(packet('a/b'), notes);
        assert.deepEqual([next.got.length, notes.vacancies.length], [1, 0], back);
      }
    });

    it('a copy for each of them is awaited once', () => {
      const { router, node, notes } = scene('a/#', 'a/b');
      for (const [index, filter] of ['a/#', 'a/b'].entries()) {
        router.identify(asFilter(filter), index + 1);
        router.grant(asFilter(filter), { qos: 1, noLocal: false, retainAsPublished: false });
        router.release(asFilter(filter), node);
      }
      for (const identifier of [1, 2]) router.deliver(packet('a/b', 1, [identifier]), notes);
      assert.equal(notes.vacancies.length, 1);
    });

    it('a node that comes back from within the delivery of the message gets it, once', () => {
      const { router, node, notes } = scene('a/#');
      const trigger = new Node('t');
      router.add(asFilter('a/b'), trigger);
      const vacancy = router.release(asFilter('a/#'), node);
      const next = new Node('n1');
      trigger.react = () => router.add(asFilter('a/#'), next);
      router.deliver(packet('a/b'), notes);
      const waits = notes.vacancies.length === 1 && typeof vacancy?.state === 'object';
      assert.equal(next.got.length + Number(waits), 1);
    });
  });
});

describe('Router, when a receiver acts while it receives', () => {
  it('a message from within a delivery is no part of the outer one: each of both comes once', () => {
    const filters = ['a/#', 'a/b', '+/b', 'c/#'];
    const { router, node } = scene(...filters);
    router.deliver(packet('a/b'));
    node.got.length = 0;
    const second = new Node('n2');
    for (const filter of filters) router.add(asFilter(filter), second);
    let nested = 0;
    node.react = () => {
      if (nested++ === 0) router.deliver(packet('c/b'));
    };
    router.deliver(packet('a/b'));
    for (const { got } of [node, second]) assert.deepEqual(got.sort(), ['a/b', 'c/b']);
  });

  it('a receiver that is added meanwhile gets the next message, not this one', () => {
    for (const filters of [['a'], ['a', '+', '#']]) {
      const { router, node } = scene(...filters);
      const added: Node[] = [];
      node.react = () => {
        const other = new Node(`n${added.push(new Node('x')) + 1}`);
        added[added.length - 1] = other;
        for (const filter of filters) router.add(asFilter(filter), other);
      };
      router.deliver(packet('a'));
      assert.deepEqual(
        added.map(({ got }) => got.length),
        [0],
      );
      node.react = () => {};
      router.deliver(packet('a'));
      assert.deepEqual([node.got.length, added[0]?.got.length], [2, 1]);
    }
  });

  it('a receiver that is removed meanwhile does not get it, and keeps no other from it', () => {
    for (const filters of [['a'], ['a', '+', '#']]) {
      const { router, node } = scene(...filters);
      const [gone, stays] = [new Node('n2'), new Node('n3')];
      for (const each of [gone, stays]) for (const filter of filters) router.add(asFilter(filter), each);
      node.react = () => {
        for (const filter of filters) for (const each of [gone, node]) router.remove(asFilter(filter), each);
      };
      router.deliver(packet('a'));
      assert.deepEqual([node.got.length, gone.got.length, stays.got.length], [1, 0, 1]);
    }
  });

  it('a receiver that is released meanwhile is awaited', () => {
    const { router, node, notes } = scene('a');
    const released = new Node('n2');
    router.add(asFilter('a'), released);
    node.react = () => void router.release(asFilter('a'), released);
    router.deliver(packet('a'), notes);
    assert.deepEqual([released.got.length, notes.vacancies.length], [0, 1]);
  });

  it('a receiver that leaves its filter and takes it again meanwhile does not get the message twice', () => {
    for (const filters of [['a'], ['a', '+', '#']]) {
      const { router, node } = scene(...filters);
      node.react = () => {
        for (const filter of filters) {
          router.remove(asFilter(filter), node);
          router.add(asFilter(filter), node);
        }
      };
      router.deliver(packet('a'));
      assert.equal(node.got.length, 1);
    }
  });
});
