import assert from 'node:assert/strict';
import type { WorkState } from '../../../../src/index.ts';
import { Handles } from '../../../../nodes/mqtt-connection/handles.ts';

/** A message whose acknowledgement was in this state before; what it was ended with. */
class Message {
  readonly topic = 'a/b';
  readonly mayBeRefused: boolean;
  readonly codes: number[] = [];
  state: WorkState = 'open';

  constructor(mayBeRefused = true) {
    this.mayBeRefused = mayBeRefused;
  }

  end(reasonCode: number): WorkState {
    this.codes.push(reasonCode);
    return this.state;
  }
}

function handleOf(id: string): object {
  return { id, node: 'in', attempt: 1 };
}

/** What is said to whoever acknowledges this. */
function said(handles: Handles, handle: unknown, reasonCode = 0): string {
  const objection = handles.acknowledge(handle, reasonCode);
  if (objection === undefined) return 'done';
  return 'error' in objection ? `error: ${objection.error.message}` : `warning: ${objection.warning.text}`;
}

describe('The handle of a message', () => {
  const handles = new Handles('ab12');

  it('acknowledges it once; the second time is a warning that names it', () => {
    const message = new Message();
    const handle = handleOf(handles.open(message));
    assert.equal(said(handles, handle), 'done');
    assert.equal(said(handles, handle), 'warning: the message to a/b was acknowledged before');
    assert.deepEqual(message.codes, [0]);
  });

  it('survives being cloned, and being turned into JSON and back', () => {
    for (const copy of [structuredClone, (value: object): unknown => JSON.parse(JSON.stringify(value))]) {
      assert.equal(said(handles, copy(handleOf(handles.open(new Message())))), 'done');
    }
  });

  it('that is none is an error, and acknowledges nothing', () => {
    const message = new Message();
    const id = handles.open(message);
    const text = /^error: not acknowledged: msg\.delivery is not what an mqtt-in has sent; mqtt-in sets it/;
    const forged: unknown[] = [undefined, null, 5, id, {}, { id: 5 }, { id: '' }, { id: 'x' }, { id: `${id} ` }, [id]];
    for (const handle of forged) assert.match(said(handles, handle), text);
    assert.deepEqual(message.codes, []);
  });

  it('that names a message which never was is an error', () => {
    assert.match(said(handles, handleOf('ab12-99999')), /^error: not acknowledged: msg\.delivery names no message/);
    for (const id of ['ab12-0', 'ab12-00']) assert.match(said(handles, handleOf(id)), /^(error|warning)/);
    const message = new Message();
    const id = handles.open(message);
    for (const other of [id.replace('-', '-0'), `${id}0`, id.replace('-', '-00'), 'ab12-99999999999999999999']) {
      assert.match(said(handles, handleOf(other)), /names no message/);
    }
    assert.deepEqual(message.codes, []);
  });

  it('of an earlier process says that the message comes again', () => {
    const id = new Handles('cd34').open(new Message());
    assert.match(
      said(handles, handleOf(id)),
      /^warning: not acknowledged: the message is of before Node-RED was started/,
    );
  });

  it('whose session is gone, or whose connection was made anew, says so', () => {
    for (const [state, why] of [
      ['lost', 'its session with the broker is gone'],
      ['left', 'its connection was made anew, and if the session goes on, the broker sends it again'],
    ] as const) {
      const message = new Message();
      message.state = state;
      const handle = handleOf(handles.open(message));
      assert.equal(said(handles, handle), `warning: the message to a/b was not acknowledged: ${why}`);
    }
  });

  it('that was closed says why', () => {
    const id = handles.open(new Message());
    handles.close(id, 'was dropped: too many waited for the flow');
    assert.equal(said(handles, handleOf(id)), 'warning: the message to a/b was dropped: too many waited for the flow');
  });

  it('refuses only where the broker can be told; if not, it can still be acknowledged', () => {
    const before5 = new Message(false);
    const handle = handleOf(handles.open(before5));
    assert.match(said(handles, handle, 128), /^error: the message to a\/b was not refused: that needs MQTT 5/);
    assert.deepEqual(before5.codes, []);
    assert.equal(said(handles, handle), 'done');
    const message = new Message();
    assert.equal(said(handles, handleOf(handles.open(message)), 151), 'done');
    assert.deepEqual(message.codes, [151]);
  });

  it('is remembered with why by when it ended, however long others were open', () => {
    const own = new Handles('ab12');
    const [slow, ...others] = Array.from({ length: 10_001 }, () => own.open(new Message()));
    const latest = others.at(-1) ?? '';
    own.close(latest, 'was dropped: too many waited for the flow');
    own.close(slow ?? '', 'was acknowledged before');
    assert.match(said(own, handleOf(latest)), /was dropped/);
    assert.match(said(own, handleOf(slow ?? '')), /was acknowledged before/);
  });

  it('keeps no large topic in memory when its message is gone', () => {
    const own = new Handles('ab12');
    const id = own.open(Object.assign(new Message(), { topic: 'x'.repeat(60_000) }));
    own.close(id, 'was acknowledged before');
    const objection = said(own, handleOf(id));
    assert.ok(objection.length < 300, String(objection.length));
  });

  it('costs nothing when the message is long gone: only the last ten thousand are remembered', () => {
    const own = new Handles('ab12');
    const first = handleOf(own.open(new Message()));
    assert.equal(said(own, first), 'done');
    for (let count = 0; count < 10_000; count++) own.acknowledge(handleOf(own.open(new Message())), 0);
    assert.equal(own.size, 0);
    assert.equal(said(own, first), 'warning: the message ended long before');
  });
});
