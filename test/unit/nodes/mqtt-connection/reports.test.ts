import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import { MqttError } from '../../../../src/index.ts';
import { Reports } from '../../../../nodes/mqtt-connection/reports.ts';

/** Reports with what they write, and with what the Catch nodes of each flow get. */
function recorded(flows: readonly string[] = []) {
  const lines: string[] = [];
  const caught: string[] = [];
  const nodes = flows.map(
    (z) => ({ z, _flow: { handleError: (node: { z: string }) => caught.push(node.z) > 0 } }) as unknown as Node,
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

  it('is a failure once until another one, or a connection, comes between', () => {
    const { reports, lines } = recorded();
    for (let attempt = 0; attempt < 3; attempt++) reports.failed(REFUSED);
    reports.failed(new MqttError('unreachable', 'another'));
    reports.failed(REFUSED);
    reports.connected('me', 's');
    reports.failed(REFUSED);
    assert.equal(lines.filter((each) => each.startsWith('error')).length, 4);
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
