import assert from 'node:assert/strict';
import type { NodeMessage } from 'node-red';
import type { NodeStatus } from '../../../../nodes/common/status.ts';
import { inEnglish } from '../../../../nodes/failures/status-text.ts';
import { RefusalLight } from '../../../../nodes/mqtt-out/refusal-light.ts';
import { MqttError, PublishRejected } from '../../../../src/index.ts';

const CONNECTED: NodeStatus = { fill: 'green', shape: 'dot', text: 'node-red:common.status.connected' };
const OFFLINE: NodeStatus = { fill: 'red', shape: 'ring', text: 'connection refused' };
const MSG = { _msgid: '1', payload: 'x' } as NodeMessage;
const REFUSED = new PublishRejected('a', 0x87);

function lit(): { light: RefusalLight; shown: string[]; connection: { isUp: boolean } } {
  const shown: string[] = [];
  const connection = { isUp: true };
  const show = ({ fill, text }: NodeStatus): unknown => shown.push(`${fill} ${inEnglish(text)}`);
  return { light: new RefusalLight(show, () => connection.isUp), shown, connection };
}

describe('an mqtt-out whose message is refused', () => {
  it('shows why, until the next one that goes well', () => {
    const { light, shown } = lit();
    light.show(CONNECTED);
    light.hear(MSG, REFUSED);
    light.hear(MSG, undefined);
    light.hear(MSG, undefined);
    assert.deepEqual(shown, ['green connected', 'red publish: not authorized (0x87)', 'green connected']);
  });

  it('shows the last reason of several', () => {
    const { light, shown } = lit();
    light.show(CONNECTED);
    light.hear(MSG, REFUSED);
    light.hear(MSG, new MqttError('not-supported', 'x'));
    assert.equal(shown.at(-1), 'red not supported by the broker');
  });

  it('shows the connection while that is down, and the refusal again behind it', () => {
    const { light, shown, connection } = lit();
    light.hear(MSG, REFUSED);
    connection.isUp = false;
    light.show(OFFLINE);
    connection.isUp = true;
    light.show(CONNECTED);
    assert.deepEqual(shown.slice(-2), ['red connection refused', 'red publish: not authorized (0x87)']);
  });

  it('goes on showing it where something was done that is no message, or failed for another reason', () => {
    const { light, shown } = lit();
    light.show(CONNECTED);
    light.hear(MSG, REFUSED);
    light.hear({ _msgid: '2' }, undefined);
    light.hear({ _msgid: '3', payload: 'x', action: 'connect' }, undefined);
    for (const code of ['offline', 'outbox-full', 'dropped', 'expired', 'closed'] as const) {
      light.hear(MSG, new MqttError(code, 'x'));
    }
    assert.equal(shown.at(-1), 'red publish: not authorized (0x87)');
  });

  it('shows nothing of an action that fails, nor of what the connection shows itself', () => {
    const { light, shown } = lit();
    light.show(CONNECTED);
    light.hear({ _msgid: '1', payload: 'x', action: 'fly' }, new MqttError('invalid-message', 'x'));
    light.hear(MSG, new MqttError('offline', 'x'));
    light.hear(MSG, new Error('x'));
    assert.deepEqual(shown, ['green connected']);
  });

  it('shows its connection when it is closed', () => {
    const { light, shown } = lit();
    light.show(CONNECTED);
    light.hear(MSG, REFUSED);
    light.end();
    light.show(OFFLINE);
    assert.equal(shown.at(-1), 'red connection refused');
  });
});
