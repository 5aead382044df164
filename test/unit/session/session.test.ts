import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { MqttError, ProtocolViolation, PublishRejected } from '../../../src/protocol/errors.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import type { OutgoingState } from '../../../src/store/session-store.ts';
import { WaitingMessages } from '../../../src/session/waiting-messages.ts';
import { randomFrom, wholeNumber } from '../../support/random.ts';
import { PacketIds } from '../../../src/session/packet-ids.ts';
import { sizeOf } from '../../../src/store/message-size.ts';
import { wish } from '../store/contract.ts';
import { ack, Driver, id, IDENTITY, LIMITS, message, received } from './fixture.ts';

const LOST = new MqttError('offline', 'gone');

function connected(limits = LIMITS, store = new MemoryStore()): Driver {
  const driver = new Driver(store);
  driver.reset(limits);
  return driver;
}

function violates(action: () => void, reasonCode: number): void {
  assert.throws(action, (error) => error instanceof ProtocolViolation && error.reasonCode === reasonCode);
}

/** Loses the connection, and resumes the session on the next one. */
function reconnect(driver: Driver, limits = LIMITS): void {
  driver.lose(LOST);
  driver.resume(limits);
}

describe('Session, outgoing', () => {
  it('sends nothing before a connection', () => {
    const driver = new Driver();
    driver.accept('a', 1);
    assert.deepEqual(driver.pump(), []);
  });

  it('sends in the order of acceptance, whatever the QoS', () => {
    const driver = connected();
    for (const [topic, qos] of [
      ['a', 1],
      ['b', 0],
      ['c', 2],
      ['d', 0],
    ] as const)
      driver.accept(topic, qos);
    assert.deepEqual(driver.pump(), ['publish a 1', 'publish b', 'publish c 2', 'publish d']);
  });

  describe('at QoS 0', () => {
    it('settles when the socket took it', () => {
      const driver = connected();
      driver.accept('a', 0);
      assert.equal(driver.outcomes.size, 0);
      driver.pump();
      assert.equal(driver.outcome('a'), 0);
    });

    it('is not stored', () => {
      const driver = connected();
      driver.accept('a', 0);
      assert.deepEqual(driver.stored().outgoing, []);
    });

    it('that was not sent is settled with the reason when the connection is lost', () => {
      const driver = connected();
      driver.accept('a', 0);
      driver.lose(LOST);
      assert.equal(driver.outcome('a'), LOST);
      driver.resume(LIMITS);
      assert.deepEqual(driver.pump(), []);
    });
  });

  describe('at QoS 1', () => {
    it('is stored when accepted, and until its PUBACK [MQTT-4.3.2-3]', () => {
      const driver = connected();
      driver.accept('a', 1);
      assert.deepEqual(driver.stored().outgoing, ['a queued']);
      assert.deepEqual(driver.pump(), ['publish a 1']);
      assert.deepEqual(driver.stored().outgoing, ['a published 1']);
      assert.deepEqual(driver.receive(ack('puback', 1)), []);
      assert.deepEqual(driver.stored().outgoing, []);
      assert.equal(driver.outcome('a'), 0);
    });

    it('tells the Reason Code below 0x80, such as No matching subscribers', () => {
      const driver = connected();
      driver.accept('a', 1);
      driver.pump();
      driver.receive(ack('puback', 1, 0x10));
      assert.equal(driver.outcome('a'), 0x10);
    });

    it('that is rejected is an error, and is not sent again [MQTT-4.4.0-2]', () => {
      const driver = connected();
      driver.accept('a', 1);
      driver.pump();
      driver.receive({ ...ack('puback', 1, 0x87), reasonString: 'not you' });
      const error = driver.outcome('a');
      assert.ok(error instanceof PublishRejected);
      assert.deepEqual([error.reasonCode, error.topic], [0x87, 'a']);
      assert.match(error.message, /rejected the message to a \(0x87 Not authorized: not you\)/);
      reconnect(driver);
      assert.deepEqual(driver.pump(), []);
    });

    it('is sent again with DUP and its id after a reconnect [MQTT-3.3.1-1] [MQTT-4.4.0-1]', () => {
      const driver = connected();
      driver.accept('a', 1);
      driver.pump();
      reconnect(driver);
      assert.deepEqual(driver.pump(), ['publish a 1 dup']);
      driver.receive(ack('puback', 1));
      assert.equal(driver.outcome('a'), 0);
    });

    it('is never sent again while the connection lives [MQTT-4.4.0-1]', () => {
      const driver = connected();
      driver.accept('a', 1);
      driver.pump();
      assert.deepEqual(driver.pump(), []);
    });

    it('does not take a PUBREC or PUBCOMP for its PUBACK [MQTT-2.2.1-5]', () => {
      for (const cmd of ['pubrec', 'pubcomp'] as const) {
        const driver = connected();
        driver.accept('a', 1);
        driver.pump();
        violates(() => driver.receive(ack(cmd, 1)), 0x82);
        assert.equal(driver.outcomes.size, 0);
      }
    });
  });

  describe('at QoS 2', () => {
    it('goes PUBLISH, PUBREC, PUBREL, PUBCOMP, stored at each step [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.1.0-1]', () => {
      const driver = connected();
      driver.accept('a', 2);
      driver.pump();
      assert.deepEqual(driver.stored().outgoing, ['a published 1']);
      assert.deepEqual(driver.receive(ack('pubrec', 1)), ['pubrel 1']);
      assert.deepEqual(driver.stored().outgoing, ['a released 1']);
      assert.equal(driver.outcomes.size, 0);
      assert.deepEqual(driver.receive(ack('pubcomp', 1)), []);
      assert.deepEqual(driver.stored().outgoing, []);
      assert.equal(driver.outcome('a'), 0);
    });

    it('stores the release before the PUBREL leaves', () => {
      const driver = connected();
      driver.accept('a', 2);
      driver.pump();
      driver.session.receive(ack('pubrec', 1), 0);
      assert.deepEqual(driver.stored().outgoing, ['a released 1']);
      assert.deepEqual(driver.replies(), ['pubrel 1']);
    });

    it('resends the PUBLISH with DUP while no PUBREC came [MQTT-4.3.3-3]', () => {
      const driver = connected();
      driver.accept('a', 2);
      driver.pump();
      reconnect(driver);
      assert.deepEqual(driver.pump(), ['publish a 1 dup']);
    });

    it('resends the PUBREL, not the PUBLISH, after reconnecting [MQTT-4.3.3-6]', () => {
      const driver = connected();
      driver.accept('a', 2);
      driver.pump();
      driver.receive(ack('pubrec', 1));
      for (let again = 0; again < 3; again++) {
        reconnect(driver);
        assert.deepEqual(driver.pump(), ['pubrel 1']);
      }
      driver.receive(ack('pubcomp', 1));
      assert.equal(driver.outcome('a'), 0);
    });

    it('takes a PUBREC with No matching subscribers for success [MQTT-4.3.3-4]', () => {
      const driver = connected();
      driver.accept('a', 2);
      driver.pump();
      assert.deepEqual(driver.receive(ack('pubrec', 1, 0x10)), ['pubrel 1']);
    });

    it('that is rejected by its PUBREC is an error, without PUBREL, and its id is free [MQTT-4.4.0-2]', () => {
      const driver = connected();
      driver.accept('a', 2);
      driver.pump();
      assert.deepEqual(driver.receive(ack('pubrec', 1, 0x97)), []);
      assert.ok(driver.outcome('a') instanceof PublishRejected);
      assert.deepEqual(driver.stored().outgoing, []);
      reconnect(driver);
      assert.deepEqual(driver.pump(), []);
    });

    it('answers a repeated PUBREC with the PUBREL again', () => {
      const driver = connected();
      driver.accept('a', 2);
      driver.pump();
      driver.receive(ack('pubrec', 1));
      assert.deepEqual(driver.receive(ack('pubrec', 1)), ['pubrel 1']);
      driver.receive(ack('pubcomp', 1));
      assert.equal(driver.outcome('a'), 0);
    });

    it('answers a PUBREC of an unknown id with PUBREL 0x92 [MQTT-3.6.2.1]', () => {
      assert.deepEqual(connected().receive(ack('pubrec', 77)), ['pubrel 77 0x92']);
    });

    it('takes a PUBCOMP before the PUBREC for an error, not for success [MQTT-4.3.3-5]', () => {
      const driver = connected();
      driver.accept('a', 2);
      driver.pump();
      violates(() => driver.receive(ack('pubcomp', 1)), 0x82);
      assert.equal(driver.outcomes.size, 0);
    });

    it('does not take a PUBACK for its PUBREC or PUBCOMP', () => {
      const driver = connected();
      driver.accept('a', 2);
      driver.pump();
      violates(() => driver.receive(ack('puback', 1)), 0x82);
      driver.receive(ack('pubrec', 1));
      violates(() => driver.receive(ack('puback', 1)), 0x82);
      assert.equal(driver.outcomes.size, 0);
    });

    it('completes with PUBCOMP 0x92 too: the Server has forgotten what it had finished', () => {
      const driver = connected();
      driver.accept('a', 2);
      driver.pump();
      driver.receive(ack('pubrec', 1));
      driver.receive(ack('pubcomp', 1, 0x92));
      assert.equal(driver.outcome('a'), 0);
    });

    it('sends PUBRELs in the order of the PUBRECs, also again [MQTT-4.6.0-4]', () => {
      const driver = connected();
      for (const topic of ['a', 'b', 'c']) driver.accept(topic, 2);
      driver.pump();
      for (const packetId of [3, 1, 2]) driver.receive(ack('pubrec', packetId));
      reconnect(driver);
      assert.deepEqual(driver.pump(), ['pubrel 3', 'pubrel 1', 'pubrel 2']);
    });
  });

  it('ignores a PUBACK and a PUBCOMP of an unknown id: repetitions do no harm', () => {
    const driver = connected();
    assert.deepEqual(driver.receive(ack('puback', 5)), []);
    assert.deepEqual(driver.receive(ack('pubcomp', 5)), []);
  });

  describe('after a reconnect with the session present', () => {
    it('resends in the first order, PUBRELs first, and new messages last [MQTT-4.6.0-1]', () => {
      const driver = connected();
      for (const [topic, qos] of [
        ['a', 1],
        ['b', 2],
        ['c', 1],
        ['d', 2],
      ] as const)
        driver.accept(topic, qos);
      driver.pump();
      driver.receive(ack('pubrec', 4));
      driver.receive(ack('puback', 1));
      driver.lose(LOST);
      driver.accept('new', 1);
      driver.resume(LIMITS);
      assert.deepEqual(driver.pump(), ['pubrel 4', 'publish b 2 dup', 'publish c 3 dup', 'publish new 5']);
    });

    it('keeps the first order over wrapped ids: 1,000 in flight across 65,535 [MQTT-4.6.0-1]', () => {
      const driver = connected();
      for (let n = 0; n < 65_000; n++) driver.session.ids.take();
      for (let n = 1; n <= 65_000; n++) driver.session.ids.release(id(n));
      const topics = Array.from({ length: 1000 }, (_, n) => `t${n}`);
      for (const topic of topics) driver.accept(topic, 1);
      const first = driver.pump();
      assert.deepEqual([first[0], first[999]], ['publish t0 65001', 'publish t999 465']);
      reconnect(driver);
      assert.deepEqual(
        driver.pump(),
        first.map((line) => `${line} dup`),
      );
    });

    it('does not resend what was acknowledged before its turn came', () => {
      const driver = connected();
      for (const topic of ['a', 'b', 'c']) driver.accept(topic, 1);
      driver.pump();
      reconnect(driver, { ...LIMITS, receiveMaximum: 1 });
      assert.deepEqual(driver.pump(), ['publish a 1 dup']);
      driver.receive(ack('puback', 2));
      driver.receive(ack('puback', 1));
      assert.deepEqual(driver.pump(), ['publish c 3 dup']);
    });

    it('lets nothing new overtake what is to be sent again, not even QoS 0, which has no DUP [MQTT-4.3.1-1] [MQTT-3.3.1-2]', () => {
      const driver = connected();
      for (const topic of ['a', 'b']) driver.accept(topic, 1);
      driver.pump();
      reconnect(driver, { ...LIMITS, receiveMaximum: 1 });
      driver.accept('zero', 0);
      assert.deepEqual(driver.pump(), ['publish a 1 dup']);
      driver.receive(ack('puback', 1));
      assert.deepEqual(driver.pump(), ['publish b 2 dup', 'publish zero']);
    });

    it('starts again from the front when the connection is lost during the replay', () => {
      const driver = connected();
      for (const topic of ['a', 'b', 'c']) driver.accept(topic, 1);
      driver.pump();
      reconnect(driver, { ...LIMITS, receiveMaximum: 2 });
      assert.deepEqual(driver.pump(), ['publish a 1 dup', 'publish b 2 dup']);
      reconnect(driver);
      assert.deepEqual(driver.pump(), ['publish a 1 dup', 'publish b 2 dup', 'publish c 3 dup']);
    });
  });

  describe('after a reconnect without the session [MQTT-3.2.2-5] [MQTT-3.1.2-4]', () => {
    it('sends the unacknowledged as new: first, in order, without DUP', () => {
      const driver = connected();
      for (const [topic, qos] of [
        ['a', 1],
        ['b', 2],
        ['c', 1],
      ] as const)
        driver.accept(topic, qos);
      driver.pump();
      driver.lose(LOST);
      driver.accept('new', 1);
      driver.reset(LIMITS);
      const lines = driver.pump();
      assert.deepEqual(
        lines.map((line) => line.split(' ')[1]),
        ['a', 'b', 'c', 'new'],
      );
      assert.equal(
        lines.some((line) => line.endsWith('dup')),
        false,
      );
    });

    it('sends no PUBREL of the old session, but the message again, in its first order: the Server may deliver at PUBREL', () => {
      const driver = connected();
      for (const topic of ['a', 'b']) driver.accept(topic, 2);
      driver.pump();
      driver.receive(ack('pubrec', 1));
      driver.lose(LOST);
      driver.reset(LIMITS);
      assert.deepEqual(driver.outcomes.size, 0, 'nothing is told as done before it is');
      assert.deepEqual(driver.pump(), ['publish a 3', 'publish b 4']);
      assert.deepEqual(
        driver.notices.map(({ code, message: text }) => [code, /2 QoS 2 messages are sent again/.test(text)]),
        [['session-lost', true]],
      );
    });

    it('says nothing of a lost session when nothing was under way at QoS 2', () => {
      const driver = connected();
      driver.accept('a', 1);
      driver.pump();
      driver.lose(LOST);
      driver.reset(LIMITS);
      assert.deepEqual(driver.notices, []);
    });

    it('forgets the received ids: the same id is a new message', () => {
      const driver = connected();
      driver.receive(received('in', 2, 9));
      driver.lose(LOST);
      driver.reset(LIMITS);
      driver.receive(received('in', 2, 9));
      assert.deepEqual(driver.delivered, ['in', 'in']);
    });

    it('frees the ids', () => {
      const driver = connected();
      for (let n = 0; n < 65_471; n++) driver.accept('t', 1);
      assert.equal(driver.pump().length, 65_471);
      driver.lose(LOST);
      driver.reset(LIMITS);
      assert.equal(driver.pump().length, 65_471);
    });
  });

  describe('packet ids [MQTT-2.2.1-3]', () => {
    it('begin at random: a Server that holds one of an earlier process must not take a new message for it', () => {
      const firsts = [0, 0.5, 0.999_99].map((random) => new PacketIds(() => random).take());
      assert.deepEqual(firsts, [1, 32_768, 65_535]);
    });

    it('65,471 in flight have one each, and leave some to SUBSCRIBE; the next message waits', () => {
      const driver = connected();
      for (let n = 0; n < 70_000; n++) driver.accept(`t${n}`, 1);
      const lines = driver.pump();
      assert.equal(lines.length, 65_471);
      assert.equal(new Set(lines.map((line) => line.split(' ')[2])).size, 65_471);
      assert.notEqual(driver.session.ids.take(), undefined, 'a SUBSCRIBE can leave');
      driver.receive(ack('puback', 400));
      assert.deepEqual(driver.pump(), ['publish t65471 65473']);
      for (let n = 1; n <= 65_535; n++) driver.receive(ack('puback', n));
      assert.equal(driver.pump().length, 70_000 - 65_472);
    });

    it('QoS 1, QoS 2 and SUBSCRIBE have one space of them, and what is new has no DUP [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1] [MQTT-4.3.3-2]', () => {
      const driver = connected();
      const seen: (number | undefined)[] = [];
      for (let n = 0; n < 300; n++) {
        driver.accept(`t${n}`, n % 2 === 0 ? 1 : 2);
        const next = driver.session.next(0);
        assert.ok(next?.cmd === 'publish');
        assert.deepEqual([next.entry.message.qos, next.dup], [n % 2 === 0 ? 1 : 2, false]);
        seen.push(next.packetId, driver.session.ids.take());
      }
      assert.equal(new Set(seen).size, 600);
      assert.equal(seen.includes(undefined) || seen.includes(0), false);
    });

    it('are not taken from a SUBSCRIBE that waits', () => {
      const driver = connected();
      assert.equal(driver.session.ids.take(), 1);
      driver.accept('a', 1);
      assert.deepEqual(driver.pump(), ['publish a 2']);
    });
  });

  describe('send quota [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-3.3.4-7]', () => {
    for (const sendQuota of [1, 2, 20]) {
      it(`Receive Maximum ${sendQuota}: never more unacknowledged, and one more per acknowledgement`, () => {
        const driver = connected({ ...LIMITS, receiveMaximum: sendQuota });
        for (let n = 0; n < 50; n++) driver.accept(`t${n}`, (n % 2) + 1 === 1 ? 1 : 2);
        let open = driver.pump();
        let sent = open.length;
        assert.equal(sent, sendQuota);
        while (open.length > 0) {
          const [, topic, packetId] = (open.shift() ?? '').split(' ');
          if (Number(topic?.slice(1)) % 2 === 0) driver.receive(ack('puback', Number(packetId)));
          else {
            driver.receive(ack('pubrec', Number(packetId)));
            assert.deepEqual(driver.pump(), [], 'the quota is held until PUBCOMP');
            driver.receive(ack('pubcomp', Number(packetId)));
          }
          const more = driver.pump();
          assert.equal(more.length, sent < 50 ? 1 : 0);
          sent += more.length;
          open = [...open, ...more];
        }
        assert.equal(sent, 50);
      });
    }

    it('counts the replay, PUBRELs too', () => {
      const driver = connected();
      for (const topic of ['a', 'b', 'c', 'd']) driver.accept(topic, 2);
      driver.pump();
      driver.receive(ack('pubrec', 1));
      reconnect(driver, { ...LIMITS, receiveMaximum: 2 });
      assert.deepEqual(driver.pump(), ['pubrel 1', 'publish b 2 dup']);
      driver.receive(ack('pubcomp', 1));
      assert.deepEqual(driver.pump(), ['publish c 3 dup']);
    });

    it('sends every PUBREL at quota 0 [MQTT-3.3.4-8] [MQTT-4.9.0-3]', () => {
      const driver = connected();
      for (const topic of ['a', 'b', 'c']) driver.accept(topic, 2);
      driver.pump();
      for (const packetId of [1, 2, 3]) driver.receive(ack('pubrec', packetId));
      reconnect(driver, { ...LIMITS, receiveMaximum: 1 });
      assert.deepEqual(driver.pump(), ['pubrel 1', 'pubrel 2', 'pubrel 3']);
    });

    it('is given back by a PUBREC of 0x80 or more [MQTT-4.9.0-2]', () => {
      const driver = connected({ ...LIMITS, receiveMaximum: 1 });
      for (const topic of ['a', 'b']) driver.accept(topic, 2);
      driver.pump();
      driver.receive(ack('pubrec', 1, 0x83));
      assert.deepEqual(driver.pump(), ['publish b 2']);
    });

    it('is not given back twice by a repeated acknowledgement', () => {
      const driver = connected({ ...LIMITS, receiveMaximum: 2 });
      for (const topic of ['a', 'b', 'c', 'd']) driver.accept(topic, 1);
      driver.pump();
      for (let again = 0; again < 3; again++) driver.receive(ack('puback', 1));
      assert.deepEqual(driver.pump(), ['publish c 3']);
    });

    it('begins anew with each connection', () => {
      const driver = connected({ ...LIMITS, receiveMaximum: 1 });
      for (const topic of ['a', 'b', 'c']) driver.accept(topic, 1);
      driver.pump();
      reconnect(driver, { ...LIMITS, receiveMaximum: 3 });
      assert.deepEqual(driver.pump(), ['publish a 1 dup', 'publish b 2', 'publish c 3']);
      reconnect(driver, { ...LIMITS, receiveMaximum: 1 });
      assert.deepEqual(driver.pump(), ['publish a 1 dup']);
    });

    it('is given back by a message that cannot be sent to this Server', () => {
      const driver = connected({ ...LIMITS, receiveMaximum: 2 });
      for (let n = 0; n < 10; n++) driver.accept(`bad${n}`, 1);
      for (let n = 0; n < 10; n++) {
        const next = driver.session.next(0);
        assert.ok(next?.cmd === 'publish', `message ${n} is not offered`);
        driver.session.outgoing.fail(next.entry, LOST, false);
      }
      driver.accept('good', 1);
      assert.equal(driver.pump().length, 1);
      for (let n = 0; n < 10; n++) assert.equal(driver.outcome(`bad${n}`), LOST);
    });
  });

  describe('what this Server does not take [MQTT-3.2.2-11] [MQTT-3.2.2-14]', () => {
    const limits = { ...LIMITS, maximumQoS: 1, retainAvailable: false } as const;

    function refused(driver: Driver, topic: string, problem: RegExp): void {
      const error = driver.outcome(topic);
      assert.ok(error instanceof MqttError);
      assert.equal(error.code, 'not-supported');
      assert.match(error.message, problem);
    }

    it('is not sent, whether it was given before the connection or during it', () => {
      const driver = new Driver();
      driver.accept('early', 2);
      driver.session.outgoing.accept({ ...message('kept', 1), retain: true }, 0, undefined, driver.noting('kept'));
      driver.reset(limits);
      driver.accept('late', 2);
      driver.accept('fits', 1);
      assert.deepEqual(driver.pump(), ['publish fits 1']);
      refused(driver, 'early', /at most QoS 1/);
      refused(driver, 'late', /at most QoS 1/);
      refused(driver, 'kept', /no retained messages/);
    });

    it('is not sent again either, when it says so on a later connection', () => {
      const driver = connected();
      driver.accept('high', 2);
      driver.session.outgoing.accept({ ...message('kept', 1), retain: true }, 0, undefined, driver.noting('kept'));
      driver.accept('fits', 1);
      driver.pump();
      reconnect(driver, limits);
      assert.deepEqual(driver.pump(), ['publish fits 3 dup']);
      refused(driver, 'high', /at most QoS 1/);
      refused(driver, 'kept', /no retained messages/);
      assert.deepEqual(driver.stored().outgoing, ['fits published 3']);
    });
  });

  describe('Message Expiry', () => {
    it('is settled with `expired` instead of a first sending, exactly at its time [MQTT-3.3.2.3.3]', () => {
      const driver = connected();
      const expiring = { ...message('a', 1), properties: { messageExpiryInterval: 5 } };
      driver.session.outgoing.accept(expiring, 0, 5000, driver.noting('a'));
      driver.accept('b', 1, 5001);
      assert.deepEqual(driver.pump(5000), ['publish b 1']);
      const error = driver.outcome('a');
      assert.ok(error instanceof MqttError);
      assert.equal(error.code, 'expired');
      assert.match(error.message, /the message to a expired after 5 s/);
      assert.deepEqual(driver.stored().outgoing, ['b published 1']);
    });

    it('applies to QoS 0 that waits', () => {
      const driver = connected();
      driver.accept('a', 0, 10);
      assert.deepEqual(driver.pump(10), []);
      assert.ok(driver.outcome('a') instanceof MqttError);
    });

    it('does not end what was sent once: it is resent and completed [MQTT-4.3.3-7] [MQTT-4.3.3-13]', () => {
      const driver = connected();
      driver.accept('a', 2, 10);
      driver.pump(5);
      reconnect(driver);
      assert.deepEqual(driver.pump(1_000_000), ['publish a 1 dup']);
      driver.receive(ack('pubrec', 1));
      reconnect(driver);
      assert.deepEqual(driver.pump(2_000_000), ['pubrel 1']);
      driver.receive(ack('pubcomp', 1));
      assert.equal(driver.outcome('a'), 0);
    });

    it('does not hold up the messages behind it when the quota is used up', () => {
      const driver = connected({ ...LIMITS, receiveMaximum: 1 });
      driver.accept('a', 1);
      driver.accept('b', 1, 10);
      driver.accept('c', 0);
      driver.pump();
      assert.deepEqual(driver.pump(10), ['publish c']);
      assert.ok(driver.outcome('b') instanceof MqttError);
    });
  });

  it('a message of an earlier connection that can never be sent gives nothing back to the quota of this one', () => {
    const limits = { ...LIMITS, receiveMaximum: 1 };
    const driver = connected(limits);
    for (const topic of ['a', 'b', 'c']) driver.accept(topic, 1);
    const first = driver.session.next(0);
    assert.ok(first?.cmd === 'publish');
    reconnect(driver, limits);
    driver.session.outgoing.fail(first.entry, LOST, false);
    assert.deepEqual(driver.pump(), ['publish b 2']);
  });

  describe('announcements', () => {
    it('go before everything that waits', () => {
      const driver = connected();
      driver.accept('a', 1);
      driver.announce('birth', 1);
      assert.deepEqual(driver.pump(), ['publish birth 1', 'publish a 2']);
    });

    it('go behind what is sent again', () => {
      const driver = connected();
      driver.accept('a', 1);
      driver.pump();
      reconnect(driver);
      driver.announce('birth', 0);
      assert.deepEqual(driver.pump(), ['publish a 1 dup', 'publish birth']);
    });

    it('that were not sent are not kept for another connection, at no QoS', () => {
      for (const qos of [0, 1, 2] as const) {
        const driver = connected();
        driver.announce('birth', qos);
        assert.deepEqual(driver.stored().outgoing, []);
        driver.lose(LOST);
        assert.equal(driver.outcome('birth'), LOST);
        driver.resume(LIMITS);
        assert.deepEqual(driver.pump(), []);
      }
    });

    it('that were sent are not sent again: what is said of one connection is untrue of the next', () => {
      for (const qos of [1, 2] as const) {
        const driver = connected();
        driver.announce('closing', qos);
        driver.pump();
        assert.deepEqual(driver.stored().outgoing, []);
        driver.lose(LOST);
        assert.equal(driver.outcome('closing'), LOST);
        driver.reset(LIMITS);
        driver.announce('birth', 1);
        assert.deepEqual(driver.pump(), ['publish birth 2']);
      }
    });

    it('at QoS 2 leave no id behind that would turn a new message into a repetition', () => {
      const driver = connected();
      driver.announce('closing', 2);
      driver.pump();
      driver.lose(LOST);
      assert.deepEqual(driver.stored().outgoing, ['closing abandoned 1']);
      const second = new Driver(driver.store);
      second.resume(LIMITS);
      second.accept('a', 2);
      assert.equal(second.session.outgoing.count, 1);
      assert.deepEqual(second.pump(), ['pubrel 1', 'publish a 2']);
      second.receive(ack('pubcomp', 1));
      assert.deepEqual(second.stored().outgoing, ['a published 2']);
      assert.equal(driver.outcomes.get('closing')?.length, 1);
    });
  });

  describe('the end', () => {
    it('keeps for the next client of the store what is at QoS 1 and 2, unsettled, and settles the rest', () => {
      const driver = connected({ ...LIMITS, receiveMaximum: 2 });
      for (const topic of ['released', 'published', 'queued']) driver.accept(topic, 2);
      driver.pump();
      driver.receive(ack('pubrec', 1));
      driver.accept('zero', 0);
      driver.announce('birth', 1);
      driver.lose(LOST);
      assert.deepEqual([...driver.outcomes.keys()].sort(), ['birth', 'zero']);
      assert.deepEqual(driver.stored().outgoing, ['released released 1', 'published published 2', 'queued queued']);
    });
  });

  describe('a Server that answers QoS 2 with PUBACK', () => {
    it('before MQTT 5 has the message, at QoS 1, and a person is told once per connection', () => {
      const driver = connected({ ...LIMITS, mqtt5: false });
      for (const topic of ['a', 'b']) driver.accept(topic, 2);
      driver.pump();
      for (const packetId of [1, 2]) driver.receive(ack('puback', packetId));
      assert.deepEqual([driver.outcome('a'), driver.outcome('b')], [0, 0]);
      assert.deepEqual(
        driver.notices.map(({ code }) => code),
        ['qos-downgraded'],
      );
    });

    it('on MQTT 5 breaks the protocol', () => {
      const driver = connected();
      driver.accept('a', 2);
      driver.pump();
      violates(() => driver.receive(ack('puback', 1)), 0x82);
    });
  });

  describe('a Server that hangs up on one message', () => {
    const WORDS = new MqttError('connection-lost', 'connection to mqtt://broker:1883 was lost');

    /** Serves until everything is settled, and hangs up on `bad`; answers how often. */
    function serveAllBut(driver: Driver, bad: string): number {
      let hangUps = 0;
      for (let open = driver.pump(); driver.session.outgoing.count > 0; open = driver.pump()) {
        const culprit = open.findIndex((line) => line.startsWith(`publish ${bad} `));
        for (const line of culprit < 0 ? open : open.slice(0, culprit)) {
          driver.receive(ack('puback', Number(line.split(' ')[2])));
        }
        if (culprit < 0) continue;
        hangUps += 1;
        assert.ok(hangUps < 30, 'the message is never set aside');
        driver.lose(LOST, WORDS);
        driver.resume({ ...LIMITS, mqtt5: false, maximumInflight: 20 });
      }
      return hangUps;
    }

    it('gets all others: the one is set aside after three connections that ended right behind it alone', () => {
      const driver = connected({ ...LIMITS, mqtt5: false, maximumInflight: 20 });
      for (let n = 0; n < 100; n++) driver.accept(n === 30 ? 'bad' : `good${n}`, 1);
      const hangUps = serveAllBut(driver, 'bad');
      assert.ok(hangUps <= 8, `it took ${hangUps} connections`);
      const error = driver.outcome('bad');
      assert.ok(error instanceof MqttError);
      assert.equal(error.code, 'message-set-aside');
      assert.match(
        error.message,
        /the message to bad \(QoS 1, \d+ bytes\) was set aside: the connection ended 3 times right behind it \(connection to/,
      );
      for (let n = 0; n < 100; n++) if (n !== 30) assert.equal(driver.outcome(`good${n}`), 0);
      assert.deepEqual(driver.notices, []);
    });

    it('is not blamed when the connection ends long after the message, or by anybody else', () => {
      const driver = connected();
      driver.accept('a', 1);
      for (let n = 0; n < 10; n++) {
        driver.pump();
        driver.now += 60_001;
        driver.lose(LOST, WORDS);
        driver.resume(LIMITS);
        driver.pump();
        driver.lose(LOST);
        driver.resume(LIMITS);
      }
      assert.deepEqual(driver.outcomes.size, 0);
    });

    it('is not blamed when the connection ends long after it, whatever left since at QoS 0', () => {
      const driver = connected();
      driver.accept('a', 1);
      for (let n = 0; n < 10; n++) {
        driver.pump();
        driver.now += 60_001;
        driver.accept(`later${n}`, 0);
        driver.pump();
        assert.equal(driver.outcome(`later${n}`), 0);
        driver.lose(LOST, WORDS);
        driver.resume(LIMITS);
      }
      assert.deepEqual(
        [...driver.outcomes.keys()].filter((topic) => topic === 'a'),
        [],
      );
    });

    it('keeps the id of a QoS 2 message away from others until it has lost the session', () => {
      const driver = connected();
      driver.accept('bad', 2);
      for (let n = 0; n < 5; n++) {
        driver.pump();
        driver.lose(LOST, WORDS);
        driver.resume(LIMITS);
      }
      assert.ok(driver.outcome('bad') instanceof MqttError);
      const ids = new Set(Array.from({ length: 65_535 }, () => driver.session.ids.take()));
      assert.equal(ids.has(id(1)), false);
      driver.lose(LOST);
      driver.reset(LIMITS);
      assert.equal(driver.session.ids.take(), 1);
    });
  });

  it('whoever throws when it is told an outcome disturbs nobody else, and a person is told', () => {
    const driver = connected();
    driver.session.outgoing.accept(message('a', 1), 0, undefined, () => {
      throw new Error('no patience');
    });
    driver.accept('b', 1);
    driver.pump();
    driver.receive(ack('puback', 1));
    driver.receive(ack('puback', 2));
    assert.equal(driver.outcome('b'), 0);
    assert.match(driver.notices[0]?.message ?? '', /outcome of the message to a failed: no patience/);
  });

  it('counts messages and bytes until they are settled', () => {
    const driver = connected();
    driver.accept('ab', 1, undefined, 'xyz');
    driver.accept('c', 0, undefined, 'xyz');
    const size = sizeOf(message('ab', 1, 'xyz'));
    assert.deepEqual([driver.session.outgoing.count, driver.session.outgoing.bytes], [2, 2 * size - 1]);
    driver.pump();
    assert.deepEqual([driver.session.outgoing.count, driver.session.outgoing.bytes], [1, size]);
    driver.receive(ack('puback', 1));
    assert.deepEqual([driver.session.outgoing.count, driver.session.outgoing.bytes], [0, 0]);
  });
});

describe('Session, incoming', () => {
  it('delivers QoS 0 without an answer [MQTT-3.3.4-1]', () => {
    const driver = connected();
    assert.deepEqual(driver.receive(received('a', 0)), []);
    assert.deepEqual(driver.delivered, ['a']);
  });

  it('delivers QoS 1 first, then acknowledges [MQTT-4.3.2-4] [MQTT-3.3.4-1]', () => {
    const driver = connected();
    driver.session.receive(received('a', 1, 5), 0);
    assert.deepEqual(driver.delivered, ['a']);
    assert.deepEqual(driver.receive(received('b', 1, 6)), ['puback 5', 'puback 6']);
  });

  it('takes the same id after its PUBACK for a new message, DUP or not [MQTT-4.3.2-5]', () => {
    const driver = connected();
    for (const dup of [false, true, true]) assert.deepEqual(driver.receive(received('a', 1, 5, dup)), ['puback 5']);
    assert.deepEqual(driver.delivered, ['a', 'a', 'a']);
  });

  it('delivers QoS 2 once and answers every duplicate with PUBREC, DUP or not [MQTT-4.3.3-10] [MQTT-4.3.3-8] [MQTT-3.3.4-1] [MQTT-4.1.0-1]', () => {
    const driver = connected();
    for (const dup of [false, true, false]) assert.deepEqual(driver.receive(received('a', 2, 5, dup)), ['pubrec 5']);
    assert.deepEqual(driver.delivered, ['a']);
    assert.deepEqual(driver.stored().received, [5]);
  });

  it('answers PUBREL with PUBCOMP; then the id is new [MQTT-4.3.3-11] [MQTT-4.3.3-12]', () => {
    const driver = connected();
    driver.receive(received('a', 2, 5));
    assert.deepEqual(driver.receive(ack('pubrel', 5)), ['pubcomp 5']);
    assert.deepEqual(driver.stored().received, []);
    driver.receive(received('a', 2, 5));
    assert.deepEqual(driver.delivered, ['a', 'a']);
  });

  it('answers PUBREL of an unknown id with PUBCOMP 0x92, and goes on [MQTT-4.3.3-11] [MQTT-3.7.2.1]', () => {
    const driver = connected();
    assert.deepEqual(driver.receive(ack('pubrel', 5)), ['pubcomp 5 0x92']);
    driver.receive(received('a', 2, 5));
    driver.receive(ack('pubrel', 5));
    assert.deepEqual(driver.receive(ack('pubrel', 5)), ['pubcomp 5 0x92']);
  });

  it('delivers once across a reconnect [MQTT-4.3.3-10]', () => {
    const driver = connected();
    driver.receive(received('a', 2, 5));
    reconnect(driver);
    assert.deepEqual(driver.receive(received('a', 2, 5, true)), ['pubrec 5']);
    assert.deepEqual(driver.delivered, ['a']);
    assert.deepEqual(driver.receive(ack('pubrel', 5)), ['pubcomp 5']);
  });

  it('acknowledges in the order of arrival [MQTT-4.6.0-2] [MQTT-4.6.0-3]', () => {
    const driver = connected();
    for (const [qos, packetId] of [
      [1, 9],
      [2, 3],
      [1, 4],
      [2, 1],
    ] as const)
      driver.receive(received('a', qos, packetId));
    assert.deepEqual(driver.sent, ['puback 9', 'pubrec 3', 'puback 4', 'pubrec 1']);
  });

  it('refuses QoS 1 with the id of an open QoS 2 message [MQTT-2.2.1-4]', () => {
    const driver = connected();
    driver.receive(received('a', 2, 5));
    violates(() => driver.receive(received('b', 1, 5)), 0x82);
    assert.deepEqual(driver.delivered, ['a']);
  });

  it('uses ids apart from our own: the same number in both directions', () => {
    const driver = connected();
    driver.accept('out', 2);
    driver.pump();
    driver.receive(received('in', 2, 1));
    assert.deepEqual(driver.receive(ack('pubrec', 1)), ['pubrel 1']);
    assert.deepEqual(driver.receive(ack('pubrel', 1)), ['pubcomp 1']);
    driver.receive(ack('pubcomp', 1));
    assert.equal(driver.outcome('out'), 0);
  });

  describe('our Receive Maximum [MQTT-3.3.4-9]', () => {
    const limits = { ...LIMITS, ownReceiveMaximum: 2 };

    it('exceeded ends the connection with 0x93, and the message is not delivered', () => {
      const driver = connected(limits);
      for (const packetId of [1, 2]) driver.receive(received('a', 2, packetId));
      violates(() => driver.receive(received('b', 2, 3)), 0x93);
      assert.deepEqual(driver.delivered, ['a', 'a']);
    });

    it('does not count duplicates, what is released, and QoS 1 that is acknowledged at once', () => {
      const driver = connected(limits);
      for (const packetId of [1, 2, 1, 2]) driver.receive(received('a', 2, packetId));
      driver.receive(ack('pubrel', 1));
      driver.receive(received('c', 2, 3));
      driver.receive(ack('pubrel', 2));
      for (let packetId = 10; packetId < 20; packetId++) driver.receive(received('b', 1, packetId));
      assert.equal(driver.delivered.length, 13);
    });

    it('counts QoS 1 too, for as long as it is not acknowledged', () => {
      const driver = connected(limits);
      for (const packetId of [1, 2]) driver.session.receive(received('a', 1, packetId), 0);
      violates(() => driver.session.receive(received('b', 1, 3), 0), 0x93);
    });

    it('counts anew on each connection: as many new messages as on the first one may come', () => {
      const driver = connected(limits);
      for (const packetId of [1, 2]) driver.receive(received('a', 2, packetId));
      reconnect(driver, limits);
      for (const packetId of [3, 4]) driver.receive(received('b', 2, packetId));
      assert.deepEqual(driver.delivered, ['a', 'a', 'b', 'b']);
    });

    it('counts what the Server sends again', () => {
      const driver = connected(limits);
      for (const packetId of [1, 2]) driver.receive(received('a', 2, packetId));
      reconnect(driver, limits);
      for (const packetId of [1, 2]) driver.receive(received('a', 2, packetId, true));
      violates(() => driver.receive(received('b', 2, 3)), 0x93);
    });
  });
});

describe('Session, restored from its store', () => {
  it('sends again with DUP and the same ids, then what was queued, in the first order [MQTT-3.1.2-23]', () => {
    const store = new MemoryStore();
    const first = connected({ ...LIMITS, receiveMaximum: 3 }, store);
    for (const [topic, qos] of [
      ['a', 1],
      ['b', 2],
      ['c', 2],
      ['d', 1],
      ['e', 2],
    ] as const)
      first.accept(topic, qos);
    first.pump();
    first.receive(ack('pubrec', 3));
    first.lose(LOST);

    const second = new Driver(store);
    assert.equal(second.session.outgoing.count, 5);
    second.accept('new', 1);
    second.resume(LIMITS);
    assert.deepEqual(second.pump(), [
      'pubrel 3',
      'publish a 1 dup',
      'publish b 2 dup',
      'publish d 4',
      'publish e 5',
      'publish new 6',
    ]);
  });

  it('does not give the ids of the restored messages to others', () => {
    const store = new MemoryStore();
    const first = connected(LIMITS, store);
    for (const topic of ['a', 'b']) first.accept(topic, 1);
    first.pump();
    first.receive(ack('puback', 1));
    const second = new Driver(store);
    second.resume(LIMITS);
    second.pump();
    for (const topic of ['c', 'd']) second.accept(topic, 1);
    assert.deepEqual(second.pump(), ['publish c 1', 'publish d 3']);
  });

  it('keeps what was received: a QoS 2 message is delivered once across processes [MQTT-4.3.3-10]', () => {
    const store = new MemoryStore();
    connected(LIMITS, store).receive(received('a', 2, 5));
    const second = new Driver(store);
    second.resume(LIMITS);
    assert.deepEqual(second.receive(received('a', 2, 5, true)), ['pubrec 5']);
    assert.deepEqual(second.delivered, []);
    assert.deepEqual(second.receive(ack('pubrel', 5)), ['pubcomp 5']);
  });

  it('without the Server’s session sends everything unacknowledged as new', () => {
    const store = new MemoryStore();
    const first = connected(LIMITS, store);
    for (const topic of ['a', 'b']) first.accept(topic, 2);
    first.pump();
    first.receive(ack('pubrec', 1));
    const second = new Driver(store);
    second.reset(LIMITS);
    assert.deepEqual(
      second.pump().map((text) => text.replace(/ \d+$/, '')),
      ['publish a', 'publish b'],
    );
  });

  it('resends PUBRELs in the order of their PUBRECs, not of their messages [MQTT-4.6.0-4]', () => {
    const store = new MemoryStore();
    const first = connected(LIMITS, store);
    for (const topic of ['a', 'b', 'c']) first.accept(topic, 2);
    first.pump();
    for (const packetId of [3, 1, 2]) first.receive(ack('pubrec', packetId));
    const second = new Driver(store);
    second.resume(LIMITS);
    assert.deepEqual(second.pump(), ['pubrel 3', 'pubrel 1', 'pubrel 2']);
  });

  it('tells who gave a message what became of it, whichever client of the store sent it', () => {
    const store = new MemoryStore();
    const first = connected(LIMITS, store);
    first.accept('a', 1);
    first.accept('b', 1);
    const second = new Driver(store);
    second.resume(LIMITS);
    second.pump();
    second.receive(ack('puback', 1));
    second.receive(ack('puback', 2, 0x87));
    assert.equal(first.outcome('a'), 0);
    const refused = first.outcome('b');
    assert.ok(refused instanceof PublishRejected);
    assert.deepEqual(second.restored, [refused], 'who runs the client hears of a failure too');
    assert.deepEqual(second.stored().outgoing, []);
  });

  it('of another Server or client id: no id and no subscription is inherited, and the messages move [MQTT-3.1.3-2]', () => {
    for (const other of [
      { ...IDENTITY, server: 'mqtt://other:1883' },
      { ...IDENTITY, clientId: 'other' },
    ]) {
      const first = connected();
      first.receive(received('in', 2, 7));
      for (const topic of ['a', 'b']) first.accept(topic, 2);
      first.pump();
      first.receive(ack('pubrec', 1));
      const second = new Driver(first.store, other);
      assert.deepEqual(second.stored(), { outgoing: ['a queued', 'b queued'], received: [] });
      second.resume(LIMITS);
      assert.deepEqual(second.receive(received('in', 2, 7)), ['pubrec 7']);
      assert.deepEqual(second.delivered, ['in'], 'another session’s id 7 is another message');
      const told = second.notices.map(({ message: text }) => text);
      assert.deepEqual(
        told,
        other.server === IDENTITY.server
          ? []
          : ['the connection was changed: 2 messages that waited are sent to mqtt://other:1883 now'],
      );
    }
  });

  it('keeps what is wanted, unless it is of another Server or client id', () => {
    const wishes = (identity: typeof IDENTITY): unknown => {
      const store = new MemoryStore();
      store.saveIdentity(IDENTITY);
      for (const each of [wish('n', 'a'), wish('m', 'b')]) store.saveWish(each);
      new Driver(store, identity).resume(LIMITS);
      return store.load().wishes;
    };
    assert.deepEqual(wishes({ ...IDENTITY }), [wish('n', 'a'), wish('m', 'b')]);
    assert.deepEqual(wishes({ ...IDENTITY, server: 'mqtt://other:1883' }), []);
    assert.deepEqual(wishes({ ...IDENTITY, clientId: 'other' }), []);
  });

  it('sends first what an earlier process sent, also at QoS 1, whose step a disk does not keep', () => {
    const store = new MemoryStore();
    const step = (n: number): OutgoingState => (n === 3 ? { step: 'published', packetId: id(7) } : { step: 'queued' });
    for (const [index, qos] of ([1, 1, 2, 1] as const).entries()) {
      const sequence = index + 1;
      store.put({
        sequence,
        message: message(`t${sequence}`, qos),
        acceptedAt: 0,
        expiresAt: undefined,
        state: step(sequence),
      });
    }
    store.saveIdentity(IDENTITY);
    const driver = new Driver(store);
    driver.resume({ ...LIMITS, receiveMaximum: 3 });
    const sent = driver.pump();
    assert.deepEqual(
      sent.map((line) => line.replace(/ \d+/, '')),
      ['publish t1 dup', 'publish t2 dup', 'publish t3 dup'],
    );
    assert.equal(sent[2], 'publish t3 7 dup');
  });

  it('sends a message at QoS 0 that waited as one, whatever was sent since', () => {
    const store = new MemoryStore();
    const times = { acceptedAt: 0, expiresAt: undefined };
    store.put({ sequence: 1, message: message('waited', 0), ...times, state: { step: 'queued' } });
    store.put({ sequence: 2, message: message('sent', 2), ...times, state: { step: 'published', packetId: id(7) } });
    store.saveIdentity(IDENTITY);
    const driver = new Driver(store, undefined, { qos0Waits: true });
    driver.resume(LIMITS);
    assert.deepEqual(driver.pump(), ['publish sent 7 dup', 'publish waited']);
  });

  /** An earlier process sent a message at QoS 1 that expires at 500, and one at QoS 2 behind it. */
  function sentBefore(): MemoryStore {
    const store = new MemoryStore();
    const common = { acceptedAt: 0, expiresAt: undefined };
    const published = { step: 'published', packetId: id(7) } as const;
    store.put({ ...common, sequence: 1, message: message('short', 1), expiresAt: 500, state: { step: 'queued' } });
    store.put({ ...common, sequence: 2, message: message('long', 2), state: published });
    store.saveIdentity(IDENTITY);
    return store;
  }

  it('tells a message that expired while the process was down, though it may have been sent before', () => {
    const driver = new Driver(sentBefore());
    driver.now = 600;
    driver.resume();
    assert.deepEqual(driver.pump(), ['publish long 7 dup']);
    assert.deepEqual(
      driver.restored.map(({ message: text }) => text),
      ['the message to short expired after 1 s before the broker acknowledged it: it may have it'],
    );
    assert.deepEqual(driver.stored().outgoing, ['long published 7']);
  });

  it('tells it when it expires while the broker is away', () => {
    const driver = new Driver(sentBefore());
    assert.equal(driver.session.outgoing.expiryDeadline, 500);
    driver.session.outgoing.dropExpired(500);
    assert.equal(driver.restored.length, 1);
  });

  it('sends what an earlier process sent in its order also where the broker lost the session', () => {
    const driver = new Driver(sentBefore());
    driver.reset();
    assert.deepEqual(driver.pump(), ['publish short 2', 'publish long 3']);
  });

  it('sends a message at QoS 2 that no earlier process sent as a new one', () => {
    const store = new MemoryStore();
    const common = { acceptedAt: 0, expiresAt: undefined };
    const published = { step: 'published', packetId: id(7) } as const;
    store.put({ ...common, sequence: 1, message: message('waits', 2), state: { step: 'queued' } });
    store.put({ ...common, sequence: 2, message: message('sent', 2), state: published });
    store.saveIdentity(IDENTITY);
    const driver = new Driver(store);
    driver.resume();
    assert.deepEqual(driver.pump(), ['publish sent 7 dup', 'publish waits 1']);
    assert.deepEqual(driver.stored().outgoing, ['waits published 1', 'sent published 7']);
  });

  it('knows that a CONNECT of an earlier client of the same session was never answered', () => {
    const store = new MemoryStore();
    new Driver(store).session.unanswered = true;
    assert.equal(new Driver(store).session.unanswered, true);
    assert.equal(new Driver(store, { ...IDENTITY, clientId: 'other' }).session.unanswered, false);
  });

  describe('with very many messages that wait', () => {
    afterEach(() => mock.restoreAll());

    it('does not look through them for what expired, where none does yet', () => {
      const look = mock.method(WaitingMessages.prototype, 'partition');
      const driver = new Driver();
      for (const [topic, expiresAt] of [['a'], ['b', 500], ['c', 400]] as const) driver.accept(topic, 1, expiresAt);
      for (let now = 0; now < 400; now++) driver.session.outgoing.dropExpired(now);
      assert.equal(look.mock.callCount(), 0);
      driver.session.outgoing.dropExpired(400);
      driver.session.outgoing.dropExpired(499);
      assert.deepEqual([look.mock.callCount(), [...driver.outcomes.keys()]], [1, ['c']]);
      driver.session.outgoing.dropExpired(500);
      assert.deepEqual([look.mock.callCount(), [...driver.outcomes.keys()]], [2, ['c', 'b']]);
    });

    it('looks through them so seldom, where one after another expires, that it takes a hundredth of the time', () => {
      const look = mock.method(WaitingMessages.prototype, 'partition');
      const driver = new Driver();
      for (let n = 0; n < 10_000; n++) driver.accept(`t${n}`, 1, n);
      for (let now = 0; now < 1000; now++) driver.session.outgoing.dropExpired(now);
      const looks = look.mock.callCount();
      assert.ok(looks >= 10 && looks <= 12, `${looks} times`);
    });

    it('knows of those that wait once more because the broker lost the session', () => {
      const driver = new Driver();
      driver.resume(LIMITS);
      driver.accept('sent', 1, 100);
      driver.pump();
      driver.lose(new MqttError('unreachable', 'gone'));
      driver.accept('late', 1, 50);
      driver.session.outgoing.dropExpired(60);
      driver.session.outgoing.reset({ ...LIMITS, receiveMaximum: 0 }, 60);
      driver.session.outgoing.dropExpired(100);
      assert.deepEqual([...driver.outcomes.keys()], ['late', 'sent']);
    });

    it('knows of those that a session keeps for later', () => {
      const driver = new Driver();
      driver.accept('old', 1, 100);
      const next = new Driver(driver.store);
      next.session.outgoing.dropExpired(100);
      assert.equal(next.restored.length, 1);
    });
  });

  it('drops what expired meanwhile, if it was never sent', () => {
    const store = new MemoryStore();
    const first = new Driver(store);
    first.accept('a', 1, 100);
    const second = new Driver(store);
    second.resume(LIMITS);
    assert.deepEqual(second.pump(100), []);
    assert.deepEqual(second.stored().outgoing, []);
  });
});

describe('Session against a model of the Server', () => {
  for (let seed = 1; seed <= 40; seed++) {
    it(`loses nothing, doubles no QoS 2 and settles each message once over random losses, seed ${seed}`, () => {
      simulate(seed);
    });
  }
});

/** A Server that keeps its session: QoS 1 and 2 by the book, answers delayed and lost with their connection. */
function simulate(seed: number): void {
  const random = randomFrom(seed);
  const sendQuota = wholeNumber(random, 1, 6);
  let driver = connected({ ...LIMITS, receiveMaximum: sendQuota });
  const taken: string[] = [];
  const open = new Set<number>();
  let answers: ReturnType<typeof ack>[] = [];
  let unacknowledged = 0;
  const qosOf = (topic: string): 1 | 2 => (Number(topic.slice(1)) % 2 === 0 ? 1 : 2);

  function serve(line: string): void {
    const [cmd, ...rest] = line.split(' ');
    if (cmd === 'pubrel') {
      open.delete(Number(rest[0]));
      answers.push(ack('pubcomp', Number(rest[0])));
      return;
    }
    const [topic = '', packetId] = rest;
    unacknowledged += 1;
    assert.ok(unacknowledged <= sendQuota, 'the quota is kept');
    if (qosOf(topic) === 1) {
      taken.push(topic);
      answers.push(ack('puback', Number(packetId)));
      return;
    }
    if (!open.has(Number(packetId))) taken.push(topic);
    open.add(Number(packetId));
    answers.push(ack('pubrec', Number(packetId)));
  }

  function answer(): void {
    const next = answers.shift();
    if (next === undefined) return;
    if (next.cmd !== 'pubrec') unacknowledged -= 1;
    for (const reply of driver.receive(next)) serve(reply);
  }

  const outcomes = driver.outcomes;
  let accepted = 0;
  for (let step = 0; step < 400 || driver.session.outgoing.count > 0; step++) {
    const dice = random();
    if (dice < 0.35 && accepted < 60) driver.accept(`t${accepted}`, qosOf(`t${accepted++}`));
    else if (dice < 0.6) for (const line of driver.pump()) serve(line);
    else if (dice < 0.95 || step > 2000) answer();
    else {
      answers = [];
      if (dice > 0.98) driver = restarted(driver);
      else driver.lose(LOST);
      driver.resume({ ...LIMITS, receiveMaximum: sendQuota });
      // A PUBREL that is sent again takes its share of the quota like a PUBLISH.
      unacknowledged = driver.stored().outgoing.filter((line) => line.includes('released')).length;
    }
    assert.ok(step < 20_000, 'the exchange ends');
  }

  const topics = Array.from({ length: accepted }, (_, n) => `t${n}`);
  const firsts = [...new Set(taken)];
  assert.deepEqual(firsts, topics, 'everything arrived, in the order of acceptance');
  for (const topic of topics.filter((name) => qosOf(name) === 2)) {
    assert.equal(taken.filter((name) => name === topic).length, 1, `${topic} arrived once`);
  }
  for (const all of outcomes.values()) assert.equal(all.length, 1);
  assert.deepEqual(driver.stored().outgoing, []);
  assert.ok(
    [...Array(65_535).keys()].every(() => driver.session.ids.take() !== undefined),
    'every id is free',
  );
}

/** A new process with the same store. */
function restarted(driver: Driver): Driver {
  driver.lose(LOST);
  return new Driver(driver.store);
}

describe('Session, left to the next client while its store fails', () => {
  function failing(): [Driver, (...fails: (keyof MemoryStore)[]) => void] {
    const store = new MemoryStore();
    const driver = new Driver(store, undefined, { qos0Waits: true });
    driver.resume();
    const fail = (): never => {
      throw new Error('disk full');
    };
    return [driver, (...fails) => fails.forEach((what) => Object.assign(store, { [what]: fail }))];
  }

  it('lets go of what waits to be sent, though that cannot be stored', () => {
    const [driver, fails] = failing();
    driver.accept('a', 0);
    fails('put');
    assert.throws(() => driver.session.leave(0), /disk full/);
    assert.deepEqual([driver.session.outgoing.count, driver.pump()], [0, []]);
  });

  it('lets go of what is to be sent, though what was received cannot be stored', () => {
    const [driver, fails] = failing();
    driver.accept('a', 1);
    driver.session.receive(received('b', 2, 1), 0);
    fails('saveReceived');
    assert.throws(() => driver.session.leave(0), /disk full/);
    assert.deepEqual([driver.session.outgoing.count, driver.session.outgoing.next(0)], [0, undefined]);
  });
});
