import assert from 'node:assert/strict';
import { MqttError } from '../../../src/protocol/errors.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import { sizeOf } from '../../../src/store/message-size.ts';
import { ack, Driver, LIMITS, message } from './fixture.ts';

const LOST = new MqttError('offline', 'gone');
const WORDS = new MqttError('connection-lost', 'connection to mqtt://broker:1883 was lost');
const BEFORE_5 = { ...LIMITS, mqtt5: false, maximumInflight: 20 };

function connected(limits = LIMITS, store = new MemoryStore()): Driver {
  const driver = new Driver(store);
  driver.reset(limits);
  return driver;
}

/** The packet id in a line of the driver. */
function idIn(line: string | undefined): number {
  return Number(line?.split(' ')[2]);
}

describe('The quota of a connection', () => {
  it('is given back by what was sent on it only, not by what an earlier one had sent', () => {
    const driver = connected({ ...LIMITS, receiveMaximum: 2 });
    for (const topic of ['a', 'b', 'c', 'd']) driver.accept(topic, 1);
    const [first] = driver.pump();
    driver.lose(LOST);
    driver.resume({ ...LIMITS, receiveMaximum: 1 });
    // The Server acknowledges `a` of its own accord, before it is sent again.
    driver.receive(ack('puback', idIn(first)));
    assert.deepEqual(driver.pump(), ['publish b 2 dup']);
    assert.deepEqual(driver.pump(), [], 'one more than the Server takes');
  });

  it('is given back by a PUBACK for QoS 2 too, before MQTT 5', () => {
    const driver = connected({ ...BEFORE_5, maximumInflight: 1 });
    for (const topic of ['a', 'b', 'c']) driver.accept(topic, 2);
    for (const topic of ['a', 'b', 'c']) {
      const [line, ...more] = driver.pump();
      assert.deepEqual(more, []);
      assert.deepEqual(driver.receive(ack('puback', idIn(line))), []);
      assert.equal(driver.outcome(topic), 0);
    }
    assert.equal(driver.notices.filter(({ code }) => code === 'qos-downgraded').length, 1);
    assert.deepEqual(driver.stored().outgoing, []);
  });
});

describe('A QoS 2 message', () => {
  it('that waits for PUBCOMP when the broker loses the session is sent again, told, and not done before its answer', () => {
    const driver = connected();
    driver.accept('a', 2);
    driver.pump();
    driver.receive(ack('pubrec', 1));
    driver.lose(LOST);
    driver.reset(LIMITS);
    assert.equal(driver.outcomes.size, 0);
    assert.match(
      driver.notices[0]?.message ?? '',
      /lost the session: 1 QoS 2 message is sent again and may arrive twice/,
    );
    const [again] = driver.pump();
    assert.match(again ?? '', /^publish a \d+$/);
    driver.receive(ack('pubrec', idIn(again)));
    assert.equal(driver.outcomes.size, 0);
    driver.receive(ack('pubcomp', idIn(again)));
    assert.equal(driver.outcome('a'), 0);
  });
});

describe('A message behind which the broker hangs up', () => {
  /** The Server hangs up `times` times behind whatever is sent first. */
  function hangUp(driver: Driver, times: number): void {
    for (let n = 0; n < times; n++) {
      driver.pump();
      driver.lose(LOST, WORDS);
      driver.resume(BEFORE_5);
    }
  }

  for (const qos of [1, 2] as const) {
    it(`at QoS ${qos} is set aside after three such connections that were proved good, with the broker's last words, and not stored any more`, () => {
      const driver = connected(BEFORE_5);
      driver.accept('bad', qos);
      // Two to doubt the connection, and two more behind the message alone, on connections that were proved good.
      hangUp(driver, 4);
      assert.equal(driver.outcomes.size, 0);
      hangUp(driver, 1);
      const error = driver.outcome('bad');
      assert.ok(error instanceof MqttError && error.code === 'message-set-aside');
      assert.equal(error.cause, WORDS);
      // Who sent it is told, and the connection does not say it again.
      assert.deepEqual(driver.notices, []);
      const advice =
        qos === 2 ? /this broker may not take QoS 2: try QoS 1$/ : /this broker may not take a message of this size/;
      assert.match(error.message, advice);
      assert.match(error.message, new RegExp(`^the message to bad \\(QoS ${qos}, \\d+ bytes\\) was set aside: `));
      assert.deepEqual(driver.stored().outgoing, []);
      driver.accept('good', qos);
      assert.equal(driver.pump().length, 1);
    });
  }

  it('is kept when the connection ended by something else, or when another got through meanwhile', () => {
    const driver = connected(BEFORE_5);
    driver.accept('a', 1);
    for (let n = 0; n < 10; n++) {
      driver.pump();
      driver.lose(LOST);
      driver.resume(BEFORE_5);
    }
    driver.accept('b', 1);
    hangUp(driver, 2);
    driver.receive(ack('puback', idIn(driver.pump()[0])));
    driver.lose(LOST, WORDS);
    assert.equal(driver.outcome('a'), 0);
    assert.equal(driver.outcomes.has('b'), false);
  });
});

describe('A good message', () => {
  /** Ends `times` connections right behind the only message under way. */
  function endBehindIt(driver: Driver, times: number): void {
    for (let n = 0; n < times; n++) {
      driver.pump();
      driver.lose(LOST, WORDS);
      driver.resume(BEFORE_5);
    }
  }

  /** Two messages at QoS 2, with one at QoS 1 behind each that gets through. */
  function setTwoAside(driver: Driver): void {
    for (const topic of ['large', 'larger']) {
      driver.accept(topic, 2);
      // The first end may be of a connection that bore fruit.
      endBehindIt(driver, 6);
      assert.ok(driver.outcome(topic) instanceof MqttError);
      driver.accept(`behind-${topic}`, 1);
      driver.receive(ack('puback', idIn(driver.pump()[0])));
    }
  }

  it('is not blamed for a broker that hangs up on something else: on a birth message or a subscription', () => {
    const driver = connected(BEFORE_5);
    // It hangs up before it answers the PINGREQ that is sent behind all that is not a message of a flow.
    driver.proves = false;
    driver.accept('good', 1);
    endBehindIt(driver, 50);
    assert.equal(driver.outcomes.size, 0);
  });

  it('waits for the proof as well where a subscription was not answered on the connections that ended', () => {
    const driver = connected(BEFORE_5);
    driver.proves = false;
    driver.accept('good', 1);
    for (let n = 0; n < 2; n++) {
      assert.equal(driver.pump().length, 1);
      driver.lose(LOST, WORDS, false);
      driver.resume(BEFORE_5);
    }
    assert.equal(driver.pump().length, 0);
    assert.equal(driver.outcomes.size, 0);
  });

  it('at QoS 2 is tried again ten minutes after two others were set aside, which may have been too large', () => {
    const driver = connected(BEFORE_5);
    setTwoAside(driver);
    driver.accept('soon', 2);
    assert.deepEqual(driver.pump(), []);
    assert.ok(/hung up on the last QoS 2 messages/.test(String(driver.outcome('soon'))));
    driver.now += 600_000;
    driver.accept('later', 2);
    assert.equal(driver.pump().length, 1);
  });

  it('at QoS 2 leaves after two others were set aside, where one got through: the broker takes QoS 2', () => {
    const driver = connected(BEFORE_5);
    driver.accept('taken', 2);
    const packetId = idIn(driver.pump()[0]);
    driver.receive(ack('pubrec', packetId));
    driver.pump();
    driver.receive(ack('pubcomp', packetId));
    assert.equal(driver.outcome('taken'), 0);
    setTwoAside(driver);
    driver.accept('small', 2);
    assert.equal(driver.pump().length, 1);
  });

  it('is not lost as quickly as the one that was set aside before it, while none got through', () => {
    const driver = connected(BEFORE_5);
    for (const topic of ['first', 'second', 'third']) driver.accept(topic, 1);
    endBehindIt(driver, 16);
    assert.deepEqual([...driver.outcomes.keys()], ['first']);
    endBehindIt(driver, 40);
    assert.deepEqual([...driver.outcomes.keys()], ['first', 'second']);
  });

  it('waits for the proof that the connection works, and leaves then', () => {
    const driver = connected(BEFORE_5);
    driver.accept('a', 1);
    endBehindIt(driver, 2);
    driver.proves = false;
    driver.accept('b', 0);
    driver.announce('birth', 0);
    assert.deepEqual(driver.pump(), ['publish birth']);
    driver.proves = true;
    assert.deepEqual(
      driver.pump().map((line) => line.split(' ')[1]),
      ['a', 'b'],
    );
  });
});

describe('What is announced', () => {
  it('is under way until it is acknowledged, also while it waits for its turn', () => {
    const driver = connected();
    driver.announce('birth', 1);
    assert.equal(driver.session.outgoing.idle, false);
    const [line] = driver.pump();
    assert.equal(driver.session.outgoing.idle, false);
    driver.receive(ack('puback', idIn(line)));
    assert.equal(driver.session.outgoing.idle, true);
  });

  it('at QoS 0 is settled once, though its connection ends while it is being sent', () => {
    const driver = connected();
    driver.announce('birth', 0);
    const next = driver.session.next(0);
    assert.ok(next?.cmd === 'publish');
    driver.lose(LOST);
    driver.session.outgoing.left(0, [next.entry], 0);
    assert.equal(driver.outcome('birth'), LOST);
    assert.deepEqual([driver.session.outgoing.count, driver.session.outgoing.bytes], [0, 0]);
  });

  for (const qos of [0, 1, 2] as const) {
    for (const how of ['resume', 'reset'] as const) {
      it(`at QoS ${qos} is told its end with the connection, and is not on the next (${how})`, () => {
        const driver = connected();
        driver.announce('birth', qos);
        driver.announce('close', qos);
        driver.lose(LOST);
        assert.equal(driver.outcome('birth'), LOST);
        driver[how](LIMITS);
        driver.accept('a', 1);
        assert.deepEqual(
          driver.pump().map((line) => line.split(' ')[1]),
          ['a'],
        );
        assert.equal(driver.session.outgoing.count, 1);
      });
    }
  }

  it('is not set aside for connections that ended behind it once in a while: what is acknowledged counts anew', () => {
    const driver = connected(BEFORE_5);
    for (let n = 0; n < 10; n++) {
      driver.announce('birth', 1);
      const [line] = driver.pump();
      if (n % 3 === 2) driver.receive(ack('puback', idIn(line)));
      driver.lose(LOST, WORDS);
      driver.resume(BEFORE_5);
    }
    assert.deepEqual(driver.notices, []);
  });

  it('at QoS 2 between PUBREC and PUBCOMP leaves only a PUBREL, which settles nothing twice', () => {
    const driver = connected();
    driver.announce('birth', 2);
    driver.pump();
    driver.receive(ack('pubrec', 1));
    driver.lose(LOST);
    driver.resume(LIMITS);
    assert.deepEqual(driver.pump(), ['pubrel 1']);
    driver.receive(ack('pubcomp', 1));
    assert.equal(driver.outcome('birth'), LOST);
    assert.deepEqual(driver.stored().outgoing, []);
  });
});

describe('Messages at QoS 0 that may wait', () => {
  it('are on record from the end of a connection on that did not take them, those that it had first in front', () => {
    const store = new MemoryStore();
    const driver = new Driver(store, undefined, { qos0Waits: true });
    driver.reset(LIMITS);
    driver.accept('a', 0);
    driver.accept('b', 0);
    const next = driver.session.next(0);
    assert.deepEqual(driver.stored().outgoing, []);
    const unsent = next?.cmd === 'publish' ? [next.entry] : [];
    driver.session.suspend({ error: LOST, hungUp: undefined, unsent, now: 0 });
    assert.deepEqual(driver.stored().outgoing, ['a queued', 'b queued']);
    driver.resume(LIMITS);
    assert.deepEqual(driver.pump(), ['publish a', 'publish b']);
    assert.deepEqual([driver.stored().outgoing, driver.outcome('a'), driver.outcome('b')], [[], 0, 0]);
  });
});

describe('A message at QoS 0 that the connection did not take', () => {
  it('is told when all that waits is in its order: who is told may publish', () => {
    const driver = connected();
    const { outgoing } = driver.session;
    outgoing.accept(message('a', 0), 0, undefined, () => driver.accept('last', 1));
    const next = driver.session.next(0);
    driver.accept('first', 1);
    const unsent = next?.cmd === 'publish' ? [next.entry] : [];
    driver.session.suspend({ error: LOST, hungUp: undefined, unsent, now: 0 });
    driver.resume(LIMITS);
    assert.deepEqual(
      driver.pump().map((line) => line.split(' ')[1]),
      ['first', 'last'],
    );
  });
});

describe('A birth message at QoS 0 that the connection did not take', () => {
  it('ends with it, also where other messages at QoS 0 wait', () => {
    const driver = new Driver(undefined, undefined, { qos0Waits: true });
    driver.reset(LIMITS);
    driver.announce('birth', 0);
    const next = driver.session.next(0);
    const unsent = next?.cmd === 'publish' ? [next.entry] : [];
    driver.session.suspend({ error: LOST, hungUp: undefined, unsent, now: 0 });
    assert.equal(driver.outcome('birth'), LOST);
    driver.resume(LIMITS);
    assert.deepEqual(driver.pump(), []);
  });
});

describe('Messages that give way', () => {
  it('keep no content in memory, though they are in the queue still', () => {
    const driver = new Driver(undefined, undefined, { whenFull: 'drop-oldest' });
    const { outgoing } = driver.session;
    const [first] = ['a', 'b'].map((topic) =>
      outgoing.accept(message(topic, 1, 'content'), 0, undefined, () => undefined),
    );
    outgoing.makeWay('c', 1, 0);
    assert.ok(first !== undefined && 'message' in first);
    assert.equal(first.message.payload.length, 0);
    assert.equal(outgoing.bytes, sizeOf(message('b', 1, 'content')));
  });

  it('are not those that left meanwhile', () => {
    const driver = new Driver(undefined, undefined, { whenFull: 'drop-oldest' });
    driver.reset(LIMITS);
    const { outgoing } = driver.session;
    const told: string[] = [];
    outgoing.accept(message('a', 1), 0, undefined, () => {
      told.push('a');
      driver.pump();
    });
    outgoing.accept(message('b', 1), 0, undefined, () => void told.push('b'));
    outgoing.makeWay('x', 2, 0);
    assert.deepEqual(told, ['a']);
    assert.match(driver.sent[0] ?? '', /^publish b /);
  });

  it('are not on record behind the end of the connection', () => {
    const store = new MemoryStore();
    const driver = new Driver(store, undefined, { whenFull: 'keep-latest', qos0Waits: true });
    driver.reset(LIMITS);
    for (const topic of ['a', 'b']) driver.accept(topic, 0);
    driver.session.outgoing.makeWay('b', 1, 0);
    driver.lose(LOST);
    assert.deepEqual(driver.stored().outgoing, ['a queued']);
  });

  it('do so once, when the end of one brings about that of the next', () => {
    const driver = new Driver(undefined, undefined, { whenFull: 'drop-oldest' });
    driver.reset(LIMITS);
    const { outgoing } = driver.session;
    const told: string[] = [];
    outgoing.accept(message('a', 1), 0, undefined, () => {
      told.push('a');
      outgoing.makeWay('x', 1, 0);
    });
    outgoing.accept(message('b', 1), 0, undefined, () => void told.push('b'));
    outgoing.makeWay('x', 2, 0);
    assert.deepEqual(told, ['a', 'b']);
    driver.accept('c', 1);
    const [line] = driver.pump();
    assert.match(line ?? '', /^publish c /);
    driver.receive(ack('puback', idIn(line)));
    assert.equal(outgoing.idle, true);
  });
});

describe('What a message counts for', () => {
  it('is its topic, payload and properties, and a share for its record, and is given back when it is settled', () => {
    const driver = connected();
    const properties = {
      correlationData: Buffer.alloc(1000),
      contentType: 'x'.repeat(100),
      responseTopic: 'y'.repeat(10),
      userProperties: [['k', 'v'.repeat(9)]],
    } as const;
    const large = { ...message('a', 1, 'payload'), properties };
    driver.session.outgoing.accept(large, 0, undefined, driver.noting('a'));
    assert.equal(driver.session.outgoing.bytes, sizeOf(message('a', 1, 'payload')) + 1320);
    assert.ok(driver.session.outgoing.bytes > 1320 + 8 + 100);
    driver.pump();
    driver.receive(ack('puback', 1));
    assert.equal(driver.session.outgoing.bytes, 0);
  });
});

describe('A store that fails', () => {
  /** A store that fails from its call `at` on, for `calls` calls. */
  function failing(at: number, calls = 1): MemoryStore {
    const store = new MemoryStore();
    let count = 0;
    for (const name of ['put', 'advance', 'remove'] as const) {
      const original = store[name].bind(store) as (argument: unknown) => void;
      Object.assign(store, {
        [name]: (argument: unknown) => {
          count += 1;
          if (count > at && count <= at + calls) throw new Error('no space left on device');
          original(argument);
        },
      });
    }
    return store;
  }

  /** Does `step`; what it throws ends the connection, and the Server goes on with the session or without. */
  function guarded(driver: Driver, step: () => void, sessionPresent: boolean): void {
    try {
      step();
    } catch {
      lose(driver);
      for (let tries = 0; tries < 3; tries++) if (begin(driver, sessionPresent)) return;
    }
  }

  function lose(driver: Driver): void {
    try {
      driver.lose(LOST, WORDS);
    } catch {
      // Told by the lifecycle.
    }
  }

  function begin(driver: Driver, sessionPresent: boolean): boolean {
    try {
      driver[sessionPresent ? 'resume' : 'reset'](LIMITS);
      return true;
    } catch {
      lose(driver);
      return false;
    }
  }

  for (const sessionPresent of [true, false]) {
    it(`at any one moment loses no message and settles each once, Session Present ${Number(sessionPresent)}`, () => {
      for (let at = 0; at < 40; at++) {
        const driver = connected(LIMITS, failing(at));
        const accepted: string[] = [];
        for (const [topic, qos] of [
          ['a', 1],
          ['b', 2],
          ['c', 2],
          ['d', 1],
        ] as const) {
          guarded(
            driver,
            () => {
              driver.accept(topic, qos);
              accepted.push(topic);
            },
            sessionPresent,
          );
        }
        guarded(driver, () => driver.announce('birth', 2), sessionPresent);
        for (let round = 0; round < 12; round++) {
          if (round === 1) {
            lose(driver);
            while (!begin(driver, sessionPresent));
          }
          guarded(driver, () => answerAll(driver), sessionPresent);
        }
        for (const topic of accepted) assert.equal(driver.outcome(topic), 0, `${topic}, failing at call ${at}`);
        assert.equal(driver.session.outgoing.count, 0);
      }
    });
  }

  it('while a message is set aside keeps nobody else from being told that the connection ended', () => {
    const driver = connected(BEFORE_5);
    driver.accept('bad', 1);
    for (let n = 0; n < 4; n++) {
      driver.pump();
      driver.lose(LOST, WORDS);
      driver.resume(BEFORE_5);
    }
    driver.pump();
    driver.accept('waits', 0);
    driver.store.remove = () => {
      throw new Error('no space left on device');
    };
    assert.throws(() => driver.lose(LOST, WORDS), /no space left/);
    assert.equal(driver.outcome('waits'), LOST);
    const error = driver.outcome('bad');
    assert.ok(error instanceof MqttError && error.code === 'message-set-aside');
  });

  /** The Server acknowledges all that comes. */
  function answerAll(driver: Driver): void {
    for (const line of driver.pump()) {
      const [cmd, one, two] = line.split(' ');
      if (cmd === 'pubrel') driver.session.receive(ack('pubcomp', Number(one)), 0);
      else {
        const qos2 = one === 'b' || one === 'c' || one === 'birth';
        driver.session.receive(ack(qos2 ? 'pubrec' : 'puback', Number(two)), 0);
      }
    }
  }
});
