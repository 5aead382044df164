import assert from 'node:assert/strict';
import { ProtocolViolation } from '../../../src/protocol/errors.ts';
import type { SubackPacket, UnsubackPacket } from '../../../src/protocol/packet.ts';
import { Requests } from '../../../src/session/requests.ts';
import { id } from './fixture.ts';

function suback(packetId: number, ...reasonCodes: readonly number[]): SubackPacket {
  return { cmd: 'suback', packetId: id(packetId), reasonCodes, reasonString: 'why' };
}

function unsuback(packetId: number, ...reasonCodes: readonly number[]): UnsubackPacket {
  return { cmd: 'unsuback', packetId: id(packetId), reasonCodes };
}

/** Requests with one that waits under id 1; notes its answers. */
function waiting(cmd: 'subscribe' | 'unsubscribe', count: number): { requests: Requests; answers: unknown[] } {
  const requests = new Requests();
  const answers: unknown[] = [];
  requests.add(id(1), { cmd, count, answered: (codes, reason) => answers.push([codes, reason]) }, 0);
  return { requests, answers };
}

function violates(requests: Requests, packet: SubackPacket | UnsubackPacket): void {
  assert.throws(
    () => requests.receive(packet),
    (error) => error instanceof ProtocolViolation && error.reasonCode === 0x82,
  );
}

describe('Requests', () => {
  it('are answered once, with a code per filter in order [MQTT-3.8.4-6] [MQTT-3.9.3-1]', () => {
    const { requests, answers } = waiting('subscribe', 3);
    assert.equal(requests.receive(suback(1, 0, 0x87, 2)), true);
    assert.equal(requests.receive(suback(1, 0, 0x87, 2)), false);
    assert.deepEqual(answers, [[[0, 0x87, 2], 'why']]);
  });

  it('with fewer or more codes than filters are a Protocol Error [MQTT-3.8.4-6]', () => {
    for (const codes of [[0], [0, 0, 0]]) {
      const { requests, answers } = waiting('subscribe', 2);
      violates(requests, suback(1, ...codes));
      assert.deepEqual(answers, []);
    }
  });

  it('UNSUBACK has a code per filter, or none before MQTT 5 [MQTT-3.11.3-1]', () => {
    for (const codes of [[0, 0x11], []]) {
      const { requests, answers } = waiting('unsubscribe', 2);
      assert.equal(requests.receive(unsuback(1, ...codes)), true);
      assert.deepEqual(answers, [[codes, undefined]]);
    }
    violates(waiting('unsubscribe', 2).requests, unsuback(1, 0));
  });

  it('answered by the other kind of packet are a Protocol Error [MQTT-2.2.1-6]', () => {
    violates(waiting('subscribe', 1).requests, unsuback(1, 0));
    violates(waiting('unsubscribe', 1).requests, suback(1, 0));
  });

  it('ignore an answer that nothing waits for', () => {
    assert.equal(waiting('subscribe', 1).requests.receive(suback(2, 0)), false);
  });

  it('are late after 30 seconds, each once, and answered all the same', () => {
    const requests = new Requests();
    const told: string[] = [];
    for (const [packetId, since] of [
      [1, 0],
      [2, 10],
      [3, 50_000],
    ] as const) {
      const note = (what: string) => () => void told.push(`${packetId} ${what}`);
      requests.add(id(packetId), { cmd: 'subscribe', count: 1, answered: note('answered'), late: note('late') }, since);
    }
    assert.equal(requests.deadline, 30_000);
    requests.expire(29_999);
    assert.deepEqual(told, []);
    requests.expire(30_005);
    assert.deepEqual(told, ['1 late']);
    assert.equal(requests.deadline, 30_010);
    requests.receive(suback(1, 0));
    requests.receive(suback(2, 0));
    assert.equal(requests.deadline, 80_000);
    requests.expire(80_000);
    assert.deepEqual(told, ['1 late', '1 answered', '2 answered', '3 late']);
    assert.deepEqual([requests.deadline, requests.idle], [undefined, true]);
    assert.deepEqual(requests.clear(), [3]);
  });

  it('are not late for the time in which nothing could be read', () => {
    const { requests } = waiting('subscribe', 1);
    requests.defer(20_000);
    assert.deepEqual([requests.deadline, requests.idle], [50_000, false]);
  });

  it('die with their connection, and tell the ids that are free', () => {
    const { requests, answers } = waiting('subscribe', 1);
    assert.deepEqual(requests.clear(), [1]);
    assert.deepEqual(requests.clear(), []);
    assert.equal(requests.receive(suback(1, 0)), false);
    assert.deepEqual(answers, []);
  });
});
