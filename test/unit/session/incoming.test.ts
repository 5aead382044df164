import assert from 'node:assert/strict';
import { MqttError } from '../../../src/protocol/errors.ts';
import type { Handout, Receiver, Vacancy, Work } from '../../../src/router/router.ts';
import { Vacancy as Place } from '../../../src/router/router.ts';
import { MOST_UNACKNOWLEDGED } from '../../../src/session/incoming.ts';
import { MOST_ANSWERS } from '../../../src/session/outgoing-message.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import { ack, Driver, LIMITS, received } from './fixture.ts';

const LOST = new MqttError('offline', 'gone');
const FILTER = 'a' as TopicFilter;

function connected(store = new MemoryStore()): Driver {
  const driver = new Driver(store);
  driver.resume(LIMITS);
  return driver;
}

function reconnect(driver: Driver): void {
  driver.lose(LOST);
  driver.resume(LIMITS);
}

/** A receiver that notes its messages. */
function receiver(): Receiver & { readonly topics: string[] } {
  const topics: string[] = [];
  return { topics, receive: ({ topic }) => void topics.push(topic) };
}

/** Somebody came back. */
function fill(vacancy: Vacancy, back: Receiver): void {
  vacancy.fill(back, FILTER);
}

/** A driver whose messages to `a` wait for whoever fills the places. */
function awaiting(...places: readonly Vacancy[]): Driver {
  const driver = connected();
  driver.deliver = (packet, handout: Handout | undefined) => {
    driver.delivered.push(packet.topic);
    if (packet.topic === 'a') for (const place of places) handout?.awaits(place);
    return true;
  };
  // A deploy is under way.
  driver.session.incoming.released(
    { receiver: receiver(), vacancy: undefined, matches: () => false, arrived: undefined },
    0,
  );
  return driver;
}

describe('A received message', () => {
  it('that is offered to two who came back is acknowledged when both have it', () => {
    const places = [new Place(), new Place()];
    const driver = awaiting(...places);
    assert.deepEqual(driver.receive(received('a', 1, 1)), []);
    const back = places.map((place) => {
      const one = receiver();
      fill(place, one);
      return one;
    });
    driver.session.incoming.deployed(0);
    assert.deepEqual(
      back.map(({ topics }) => topics),
      [['a'], ['a']],
    );
    assert.equal(driver.session.incoming.next(), undefined, 'a turn has to pass first');
    assert.deepEqual(driver.replies(), ['puback 1']);
  });

  for (const [qos, answer] of [
    [1, 'puback'],
    [2, 'pubrec'],
  ] as const) {
    it(`at QoS ${qos} is waited for by who asks when all that came is acknowledged, and what comes later is not`, () => {
      const place = new Place();
      const driver = awaiting(place);
      const { incoming } = driver.session;
      driver.receive(received('b', qos === 1 ? 2 : 1, 1));
      driver.receive(received('a', qos, 2));
      let calls = 0;
      incoming.whenAcknowledged(() => (calls += 1));
      driver.receive(received('b', qos, 3));
      assert.equal(calls, 0, 'the one that is held is not acknowledged');
      fill(place, receiver());
      incoming.deployed(0);
      assert.deepEqual(driver.replies(), [`${answer} 2`, `${answer} 3`]);
      assert.equal(calls, 1);
      incoming.whenAcknowledged(() => (calls += 1));
      assert.equal(calls, 2, 'at once, where nothing is open');
    });
  }

  it('of a connection that is gone is waited for by nobody', () => {
    const driver = awaiting(new Place());
    driver.receive(received('a', 1, 1));
    driver.session.incoming.whenAcknowledged(() => assert.fail());
    reconnect(driver);
    let calls = 0;
    driver.session.incoming.whenAcknowledged(() => (calls += 1));
    assert.equal(calls, 1);
    assert.deepEqual(driver.receive(received('b', 1, 2)), ['puback 2']);
  });

  it('is not offered before the deploy is over, whoever is back', () => {
    const place = new Place();
    const driver = awaiting(place);
    driver.receive(received('a', 1, 1));
    const back = receiver();
    fill(place, back);
    driver.session.incoming.offer(0);
    assert.deepEqual(driver.replies(), []);
    assert.deepEqual(back.topics, []);
  });

  it('whose receivers are all given up is acknowledged at the end of the deploy', () => {
    const place = new Place();
    const driver = awaiting(place);
    driver.receive(received('a', 2, 1));
    place.giveUp();
    driver.session.incoming.deployed(0);
    assert.deepEqual(driver.replies(), ['pubrec 1']);
    assert.equal(driver.session.deadline, undefined);
  });

  it('that waits for the longest time of a deploy says when that is, and is let go then', () => {
    const driver = awaiting(new Place());
    driver.receive(received('a', 1, 1));
    assert.equal(driver.session.deadline, 30_000);
    driver.session.expire(29_999);
    assert.deepEqual(driver.replies(), []);
    driver.session.expire(30_000);
    assert.deepEqual(driver.replies(), ['puback 1']);
    assert.equal(driver.session.deadline, undefined);
  });

  it('that waits behind another one has its own time', () => {
    const driver = awaiting(new Place());
    driver.receive(received('a', 1, 1));
    // Another deploy begins.
    driver.session.incoming.released(
      { receiver: receiver(), vacancy: undefined, matches: () => false, arrived: undefined },
      10_000,
    );
    driver.receive(received('a', 1, 2));
    assert.equal(driver.session.deadline, 30_000);
    driver.session.expire(30_000);
    assert.deepEqual([driver.replies(), driver.session.deadline], [['puback 1'], 40_000]);
    driver.session.expire(40_000);
    assert.deepEqual([driver.replies(), driver.session.deadline], [['puback 2'], undefined]);
  });

  it('keeps no chunk alive while it waits: its payload is copied', () => {
    const place = new Place();
    const driver = awaiting(place);
    const chunk = Buffer.from('payload and more');
    driver.receive({ ...received('a', 1, 1), payload: chunk.subarray(0, 7) });
    chunk.fill(0);
    const got: string[] = [];
    fill(place, { receive: ({ payload }) => void got.push(payload.toString()) });
    driver.session.incoming.deployed(0);
    assert.deepEqual(got, ['payload']);
  });

  it('keeps no chunk alive while somebody works on it: its payload is copied', () => {
    const driver = connected();
    const works: Work[] = [];
    driver.deliver = (_packet, handout) => {
      if (handout !== undefined) works.push(handout.begin());
      return true;
    };
    const chunk = Buffer.from('payload and more');
    driver.receive({ ...received('a', 1, 1), payload: chunk.subarray(0, 7) });
    chunk.fill(0);
    assert.equal(works[0]?.packet?.payload.toString(), 'payload');
  });

  it('that was handed out when the connection ended is acknowledged on the next, and not handed out again', () => {
    for (const qos of [1, 2] as const) {
      const driver = connected();
      driver.session.receive(received('a', qos, 1), 0);
      reconnect(driver);
      assert.equal(driver.receive(received('a', qos, 1, true)).length, 1);
      assert.deepEqual(driver.delivered, ['a']);
    }
  });

  it('under the id of another one that the Server gave up is a new message', () => {
    const driver = connected();
    driver.session.receive(received('a', 1, 1), 0);
    reconnect(driver);
    driver.receive(received('b', 1, 1));
    driver.receive(received('a', 1, 1));
    assert.deepEqual(driver.delivered, ['a', 'b', 'a']);
  });

  it('is handed over in the turn after its own, not in that of an earlier one', () => {
    const driver = connected();
    const { incoming } = driver.session;
    driver.session.receive(received('a', 1, 1), 0);
    const upTo = incoming.handed;
    driver.session.receive(received('b', 1, 2), 0);
    incoming.handedOver(upTo, 0);
    assert.deepEqual([incoming.next()?.packetId, incoming.next()], [1, undefined]);
    incoming.handedOver(incoming.handed, 0);
    assert.equal(incoming.next()?.packetId, 2);
  });
});

describe('A message that cannot be taken in', () => {
  /** Others are at work, so that its acknowledgement waits; it comes again meanwhile. @returns whether each was new. */
  function skippedTwice(qos: 1 | 2): [Driver, readonly boolean[], Work[]] {
    const driver = connected();
    const works: Work[] = [];
    driver.deliver = (_packet, handout) => {
      if (handout !== undefined) works.push(handout.begin());
      return true;
    };
    driver.receive(received('a', qos, 1));
    const isNew = [1, 2].map(() => driver.session.incoming.skip(received('bad', qos, 2, true)));
    return [driver, isNew, works];
  }

  for (const qos of [1, 2] as const) {
    it(`and is sent again before it is acknowledged is no other one, at QoS ${qos}`, () => {
      const [driver, isNew, works] = skippedTwice(qos);
      assert.deepEqual(isNew, [true, false]);
      works[0]?.end();
      const all = qos === 1 ? ['puback 1', 'puback 2'] : ['pubrec 1', 'pubrec 2', 'pubrec 2'];
      assert.deepEqual(driver.replies(), all);
    });
  }

  it('counts once for the Receive Maximum', () => {
    const driver = connected();
    driver.resume({ ...LIMITS, ownReceiveMaximum: 1 });
    driver.deliver = (_packet, handout) => handout?.begin() !== undefined;
    const { incoming } = driver.session;
    for (const isNew of [true, false]) assert.equal(incoming.skip(received('bad', 1, 2, true)), isNew);
  });
});

describe('What is known of an id', () => {
  it('is what came under it last: the acknowledgement of another one forgets nothing of that', () => {
    const driver = connected();
    const works: Work[] = [];
    driver.deliver = (_packet, handout) => {
      if (handout !== undefined) works.push(handout.begin());
      return true;
    };
    // A Server that forgets its ids.
    driver.receive(received('a', 1, 5));
    driver.receive(received('b', 2, 5));
    works[0]?.end();
    assert.deepEqual(driver.replies(), ['puback 5']);
    driver.receive(received('b', 2, 5, true));
    works[1]?.end();
    assert.deepEqual([works.length, driver.stored().received], [2, [5]]);
  });

  it('is doubted no more where the Server sends again what is known by it, also where that waits behind another one', () => {
    const driver = connected();
    const works: Work[] = [];
    driver.deliver = ({ topic }, handout) => {
      if (handout !== undefined && topic === 'w') works.push(handout.begin());
      return true;
    };
    driver.receive(received('w', 2, 1));
    driver.receive(received('a', 2, 2));
    driver.lose(LOST);
    driver.resume(LIMITS, 'unknown');
    for (const [topic, packetId] of [
      ['w', 1],
      ['a', 2],
    ] as const) {
      driver.receive(received(topic, 2, packetId, true));
    }
    works[0]?.end();
    assert.deepEqual(driver.replies(), ['pubrec 1', 'pubrec 2']);
    driver.session.expire(30_000);
    driver.session.incoming.doubtEnds();
    assert.deepEqual(driver.stored().received, [2, 1]);
  });
});

describe('After a CONNECT whose answer was not seen, the session may be another', () => {
  /** A QoS 2 message came, and its PUBREC left or not; then the Server says that it has a session. */
  function doubted(isAnswered: boolean): Driver {
    const driver = connected();
    if (isAnswered) driver.receive(received('a', 2, 1));
    else driver.session.receive(received('a', 2, 1), 0);
    driver.lose(LOST);
    driver.resume(LIMITS, 'unknown');
    return driver;
  }

  for (const isAnswered of [true, false]) {
    const name = isAnswered ? 'acknowledged' : 'not yet acknowledged';
    it(`and a QoS 2 message under the id of one that was ${name} is new, unless the broker says DUP`, () => {
      const other = doubted(isAnswered);
      assert.deepEqual(other.receive(received('a', 2, 1)), ['pubrec 1']);
      assert.deepEqual(other.delivered, ['a', 'a']);
      const same = doubted(isAnswered);
      assert.deepEqual(same.receive(received('a', 2, 1, true)), ['pubrec 1']);
      assert.deepEqual(same.delivered, ['a']);
    });
  }

  for (const isAnswered of [true, false]) {
    const name = isAnswered ? 'acknowledged' : 'not yet acknowledged';
    it(`and stays so when the next one may be older besides: under the id of one that was ${name} the content does not tell`, () => {
      const driver = doubted(isAnswered);
      driver.lose(LOST);
      driver.resume(LIMITS, 'earlier');
      assert.deepEqual(driver.receive(received('a', 2, 1)), ['pubrec 1']);
      assert.deepEqual(driver.delivered, ['a', 'a']);
    });
  }

  /** The client of a later process, of a session that a killed broker may have as it was some time ago. */
  function later(): Driver {
    const earlier = connected();
    earlier.receive(received('a', 2, 1));
    const driver = new Driver(earlier.store);
    driver.resume(LIMITS, 'earlier');
    return driver;
  }

  it('where another message has the id of one that an earlier process received: DUP does not make it that', () => {
    const driver = later();
    assert.deepEqual(driver.receive(received('b', 2, 1, true)), ['pubrec 1']);
    assert.deepEqual(driver.delivered, ['b']);
  });

  it('where a broker that forgets DUP repeats what an earlier process received, which comes once', () => {
    const driver = later();
    assert.deepEqual(driver.receive(received('a', 2, 1)), ['pubrec 1']);
    assert.deepEqual(driver.delivered, []);
  });

  /** Ends what waits for a moment, as the connection does. @returns whether the Server is asked then, which answers. */
  function pass(driver: Driver, now: number, isAnswered = true): boolean {
    if ((driver.session.deadline ?? Infinity) <= now) driver.session.expire(now);
    const { incoming } = driver.session;
    const isAsked = incoming.wantsAnswer;
    if (isAsked) incoming.answerAsked();
    if (isAsked && isAnswered) incoming.doubtEnds();
    return isAsked;
  }

  it('until the broker answers after 30 seconds: what it has not sent again by then it does not have, and the id is another message’s', () => {
    const driver = later();
    assert.equal(pass(driver, 29_999), false);
    assert.deepEqual(driver.stored().received, [1]);
    assert.equal(pass(driver, 30_000), true);
    assert.deepEqual(driver.stored().received, []);
    assert.deepEqual([driver.session.deadline, pass(driver, 90_000)], [undefined, false]);
    assert.deepEqual(driver.receive(received('a', 2, 1)), ['pubrec 1']);
    assert.deepEqual(driver.delivered, ['a']);
  });

  it('and not where it does not answer: the network may be gone, and what it sends again comes with the next one', () => {
    const driver = later();
    pass(driver, 30_000, false);
    driver.lose(LOST);
    pass(driver, 40_000);
    driver.now = 40_000;
    driver.resume();
    assert.deepEqual([pass(driver, 69_999), driver.stored().received], [false, [1]]);
    driver.receive(received('a', 2, 1));
    assert.deepEqual(
      [driver.delivered, pass(driver, 70_000)],
      [[], false],
      'it sent it again: its id is no matter of doubt',
    );
  });

  it('and what it sent again is known from then on, also when it comes once more on the next connection', () => {
    const driver = later();
    driver.receive(received('a', 2, 1, true));
    driver.lose(LOST);
    driver.resume();
    pass(driver, 1_000_000);
    driver.receive(received('a', 2, 1));
    assert.deepEqual(driver.delivered, []);
  });

  it('and what came since is on record when it is handed out, though it was held when the broker answered', () => {
    const place = new Place();
    const driver = later();
    driver.deliver = (_packet, handout) => {
      handout?.awaits(place);
      return true;
    };
    const { incoming } = driver.session;
    incoming.released({ receiver: receiver(), vacancy: undefined, matches: () => false, arrived: undefined }, 29_000);
    driver.receive(received('b', 2, 2));
    assert.equal(pass(driver, 30_000), true);
    fill(place, receiver());
    incoming.deployed(30_000);
    driver.replies();
    assert.deepEqual(driver.stored().received, [2]);
  });

  it('and what is not doubted is known for as long as it takes', () => {
    const driver = connected();
    driver.receive(received('a', 2, 1));
    assert.deepEqual(
      [pass(driver, 1_000_000), driver.session.deadline, driver.stored().received],
      [false, undefined, [1]],
    );
  });

  it('and so may be that of a message which is handed out only now', () => {
    const place = new Place();
    const driver = awaiting(place);
    driver.receive(received('a', 2, 1));
    driver.lose(LOST);
    driver.resume(LIMITS, 'unknown');
    const back = receiver();
    fill(place, back);
    driver.session.incoming.deployed(0);
    assert.deepEqual(driver.replies(), []);
    driver.session.receive(received('a', 2, 1), 0);
    assert.deepEqual(driver.delivered, ['a', 'a']);
  });

  it('until the broker sends it again with DUP: from then on it is known, also when it is handed out only later', () => {
    const place = new Place();
    const driver = awaiting(place);
    driver.receive(received('a', 2, 1));
    driver.lose(LOST);
    driver.resume(LIMITS, 'unknown');
    driver.receive(received('a', 2, 1, true));
    fill(place, receiver());
    driver.session.incoming.deployed(0);
    driver.replies();
    const before = driver.delivered.length;
    driver.receive(received('a', 2, 1));
    assert.equal(driver.delivered.length, before);
  });

  it('and what came since is known: there a repetition needs no DUP, as ever', () => {
    const driver = doubted(true);
    driver.receive(received('a', 2, 1));
    driver.receive(received('a', 2, 1));
    assert.deepEqual(driver.delivered, ['a', 'a']);
  });
});

describe('Ownership of a QoS 2 message', () => {
  /** A store whose next `saveReceived` fails. */
  function failingOnce(): MemoryStore {
    const store = new MemoryStore();
    const save = store.saveReceived.bind(store);
    let fails = true;
    store.saveReceived = (packetId) => {
      const now = fails;
      fails = false;
      if (now) throw new Error('no space left on device');
      save(packetId);
    };
    return store;
  }

  it('is on record before its PUBREC leaves [MQTT-4.3.3-8]', () => {
    const driver = connected();
    driver.session.receive(received('a', 2, 5), 0);
    driver.session.incoming.handedOver(1, 0);
    assert.deepEqual(driver.stored().received, [5]);
    assert.equal(driver.session.incoming.next()?.cmd, 'pubrec');
  });

  it('that could not be stored is tried again before the PUBREC leaves, and the message is handed out once', () => {
    const driver = connected(failingOnce());
    driver.session.receive(received('a', 2, 5), 0);
    assert.throws(() => driver.session.incoming.handedOver(1, 0), /no space left/);
    reconnect(driver);
    assert.deepEqual(driver.receive(received('a', 2, 5, true)), ['pubrec 5']);
    assert.deepEqual(driver.stored().received, [5]);
    assert.deepEqual(driver.delivered, ['a']);
  });

  it('that could not be ended is ended by the PUBREL that comes again: the id is not taken for known for ever', () => {
    const driver = connected();
    driver.receive(received('a', 2, 5));
    const remove = driver.store.removeReceived.bind(driver.store);
    driver.store.removeReceived = () => {
      throw new Error('no space left on device');
    };
    assert.throws(() => driver.receive(ack('pubrel', 5)), /no space left/);
    driver.store.removeReceived = remove;
    reconnect(driver);
    assert.deepEqual(driver.receive(ack('pubrel', 5)), ['pubcomp 5']);
    assert.deepEqual(driver.stored().received, []);
  });
});

describe('Reading stops', () => {
  it('beyond 1,000 messages that wait behind one that is held', () => {
    const driver = awaiting(new Place());
    driver.receive(received('a', 1, 1));
    for (let packetId = 2; packetId <= MOST_UNACKNOWLEDGED; packetId++) driver.receive(received('b', 1, packetId));
    assert.equal(driver.session.full, false);
    driver.receive(received('b', 1, MOST_UNACKNOWLEDGED + 1));
    assert.equal(driver.session.full, true);
    driver.session.expire(30_000);
    assert.equal(driver.replies().length, MOST_UNACKNOWLEDGED + 1);
    assert.equal(driver.session.full, false);
  });

  it('not for messages of one read, however many: they are handed on within a turn', () => {
    const driver = connected();
    for (let packetId = 1; packetId <= 5000; packetId++) driver.session.receive(received('a', 1, packetId), 0);
    assert.equal(driver.session.full, false);
  });

  it('when a broker sends PUBRELs, or PUBRECs, and does not read the answers: they are bounded', () => {
    for (const cmd of ['pubrel', 'pubrec'] as const) {
      const driver = connected();
      for (let n = 0; n <= MOST_ANSWERS; n++) {
        assert.equal(driver.session.full, false);
        driver.session.receive(ack(cmd, 1 + (n % 65_535)), 0);
      }
      assert.equal(driver.session.full, true);
      assert.equal(driver.pump().length, MOST_ANSWERS + 1);
      assert.equal(driver.session.full, false);
    }
  });
});
