import assert from 'node:assert/strict';
import { mock } from 'node:test';
import type { Node } from 'node-red';
import { ConnectionRefused, MqttError } from '../../../../src/index.ts';
import { Reports } from '../../../../nodes/mqtt-connection/reports.ts';

/** Reports with what they write, and with what the Catch nodes of each flow get. */
function recorded(flows: readonly string[] = []) {
  const lines: string[] = [];
  const caught: string[] = [];
  const nodes = flows.map(
    (z) =>
      ({
        z,
        _flow: { handleError: (node: { z: string }) => caught.push(node.z) > 0 && z !== 'deaf' },
      }) as unknown as Node,
  );
  const line = (kind: string) => (what: string | Error) =>
    void lines.push(`${kind}: ${what instanceof Error ? what.message : what}`);
  const reports = new Reports({ log: line('log'), warn: line('warn'), error: line('error') }, () => nodes);
  return { reports, lines, caught };
}

const NOTICE = new MqttError('qos-downgraded', 'the broker delivers QoS 2 at QoS 1');
const REFUSED = new MqttError('unreachable', 'cannot reach the broker');

describe('what a connection tells', () => {
  it('is where it is, and that it is gone, each once', () => {
    const { reports, lines } = recorded();
    reports.parted();
    reports.connected('me', 'mqtt://host:1883');
    reports.parted();
    reports.parted();
    assert.deepEqual(lines, [
      'log: Connected to broker: me@mqtt://host:1883',
      'log: Disconnected from broker: me@mqtt://host:1883',
    ]);
  });

  it('shows a client id that the broker chose, and does not obey it', () => {
    const { reports, lines } = recorded();
    reports.connected('x\n[info] all is well', 'mqtt://host:1883');
    assert.equal(lines[0], String.raw`log: Connected to broker: x\n[info] all is well@mqtt://host:1883`);
  });

  it('is a failure once until a connection comes between, also when two take turns', () => {
    const { reports, lines } = recorded();
    for (let attempt = 0; attempt < 3; attempt++) {
      reports.failed(REFUSED);
      reports.failed(new MqttError('connection-lost', 'another'));
    }
    reports.connected('me', 's');
    reports.failed(REFUSED);
    const failures = lines.filter((each) => each.startsWith('error'));
    assert.deepEqual(
      failures.map((each) => /^error: ([^.]+)\. /.exec(each)?.[1]),
      [REFUSED.message, 'another', REFUSED.message],
    );
  });

  it('is what to do about a failure', () => {
    const { reports, lines } = recorded();
    reports.failed(new ConnectionRefused(0x86, 'mqtt://host:1883'));
    const sentence = 'broker refused the connection (0x86 Bad User Name or Password) at mqtt://host:1883';
    assert.deepEqual(lines, [`error: ${sentence}. Enter both again in the connection, under “Security”.`]);
  });

  it('is no error in the log where a Catch node of each flow has it', () => {
    const { reports, lines } = recorded(['one', 'two']);
    reports.failed(REFUSED);
    assert.match(lines.join(), /^log: cannot reach the broker\. /);
  });

  it('is an error in the log where a flow has no Catch node that takes it', () => {
    const { reports, lines } = recorded(['one', 'deaf']);
    reports.failed(REFUSED);
    assert.match(lines.join(), /^error: cannot reach the broker\. /);
  });

  it('is no more than a hundred failures of one outage, whatever words a broker finds', () => {
    const { reports, lines } = recorded();
    for (let attempt = 0; attempt < 1000; attempt++) reports.failed(new MqttError('connection-refused', `${attempt}`));
    assert.equal(lines.length, 100);
  });

  describe('when a publisher causes a notice with each of its messages', () => {
    beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
    afterEach(() => mock.timers.reset());

    const skipped = (topic: number): MqttError => new MqttError('message-skipped', `a message to ${topic} was skipped`);

    it('is the first one, and a second later their number', () => {
      const { reports, lines } = recorded();
      for (let topic = 0; topic < 60; topic++) reports.notice(skipped(topic));
      mock.timers.tick(1000);
      assert.deepEqual(lines, [
        'warn: a message to 0 was skipped',
        'warn: 59 more like this, the last: a message to 59 was skipped',
      ]);
    });

    it('is a few lines however long that goes on', () => {
      const { reports, lines } = recorded();
      for (let second = 0; second < 86_400; second += 1) {
        reports.notice(skipped(second));
        mock.timers.tick(1000);
      }
      assert.ok(lines.length < 50, `${lines.length} lines in a day`);
    });

    it('tells what is counted before it says that the connection is another one, and at the end', () => {
      const { reports, lines } = recorded();
      for (let topic = 0; topic < 2; topic++) reports.notice(skipped(topic));
      reports.connected('me', 's');
      for (let topic = 2; topic < 4; topic++) reports.notice(skipped(topic));
      reports.end();
      assert.deepEqual(lines.slice(1), [
        'warn: 1 more like this: a message to 1 was skipped',
        'log: Connected to broker: me@s',
        'warn: a message to 2 was skipped',
        'warn: 1 more like this: a message to 3 was skipped',
      ]);
    });
  });

  it('is a failure once to each flow, however many of its nodes use the connection', () => {
    const { reports, caught } = recorded(['one', 'two', 'one', 'one']);
    reports.failed(REFUSED);
    assert.deepEqual(caught, ['one', 'two']);
  });

  it('is a notice once, also when each new connection repeats it, and again when one did not', () => {
    const { reports, lines } = recorded();
    const warnings = (): number => lines.filter((each) => each === `warn: ${NOTICE.message}`).length;
    for (let reconnect = 0; reconnect < 5; reconnect++) {
      reports.connected('me', 's');
      reports.notice(NOTICE);
      reports.notice(NOTICE);
    }
    assert.equal(warnings(), 1);
    reports.connected('me', 's');
    reports.connected('me', 's');
    reports.notice(NOTICE);
    assert.equal(warnings(), 2);
  });

  it('is why a message of an earlier life is lost, to the log and to Catch nodes, each time', () => {
    const { reports, lines, caught } = recorded(['one']);
    for (let message = 0; message < 2; message++) reports.lost(new MqttError('expired', 'expired'));
    assert.deepEqual(lines, ['error: expired', 'error: expired']);
    assert.deepEqual(caught, ['one', 'one']);
  });
});
