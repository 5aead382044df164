import assert from 'node:assert/strict';
import { BadRequest } from '../../../../nodes/mqtt-connection/bad-request.ts';
import { lookRequest, testMessage, watchRequest } from '../../../../nodes/sidebar/requests.ts';

const WATCH = { connection: 'c', filter: '#', qos: 0 };
const LOOK = { first: 0, count: 50, open: [1], close: [], search: '', selected: null, paused: false };
const TEST = { topic: 'a', payload: '1', qos: 1, retain: false };

function refused(parse: () => unknown, why: RegExp): void {
  assert.throws(parse, (error) => error instanceof BadRequest && why.test(error.message), String(why));
}

describe('A request of the sidebar', () => {
  it('is taken as it is where it makes sense', () => {
    assert.deepEqual(watchRequest(WATCH), WATCH);
    assert.deepEqual(lookRequest({ ...LOOK, selected: 3 }), { ...LOOK, selected: 3 });
    assert.deepEqual(testMessage(TEST), TEST);
  });

  it('is refused with a sentence where it is no object, whatever it is', () => {
    for (const body of [undefined, null, 'text', 5, [], true]) {
      for (const parse of [watchRequest, lookRequest, testMessage]) refused(() => parse(body), /JSON object/);
    }
  });

  it('to watch is refused without a connection, a good filter and a QoS', () => {
    refused(() => watchRequest({ ...WATCH, connection: 1 }), /connection must be/);
    refused(() => watchRequest({ ...WATCH, filter: {} }), /filter must be a text/);
    refused(() => watchRequest({ ...WATCH, filter: 'a/#/b' }), /# that is not alone/);
    refused(() => watchRequest({ ...WATCH, filter: '' }), /is empty/);
    refused(() => watchRequest({ ...WATCH, qos: '0' }), /qos must be 0, 1 or 2/);
  });

  it('to watch is refused where it would take messages away from those who share a subscription', () => {
    refused(() => watchRequest({ ...WATCH, filter: '$share/group/a' }), /take messages away/);
  });

  it('to look is refused where it asks for what no sidebar asks for', () => {
    refused(() => lookRequest({ ...LOOK, first: -1 }), /first must be a whole number/);
    refused(() => lookRequest({ ...LOOK, count: 201 }), /count must be a whole number from 0 to 200/);
    refused(() => lookRequest({ ...LOOK, count: Number.NaN }), /count must be/);
    refused(() => lookRequest({ ...LOOK, open: 'all' }), /open must be a list/);
    refused(() => lookRequest({ ...LOOK, close: Array.from({ length: 201 }, () => 1) }), /at most 200/);
    refused(() => lookRequest({ ...LOOK, open: [{}] }), /open must be a whole number/);
    refused(() => lookRequest({ ...LOOK, search: 'x'.repeat(201) }), /search must be/);
    refused(() => lookRequest({ ...LOOK, selected: 'a' }), /selected must be/);
    refused(() => lookRequest({ ...LOOK, paused: 1 }), /paused must be/);
  });

  it('to publish is refused with a wrong topic, payload, QoS or flag', () => {
    refused(() => testMessage({ ...TEST, topic: 'a/#' }), /wildcard/);
    refused(() => testMessage({ ...TEST, topic: 5 }), /topic must be a text/);
    refused(() => testMessage({ ...TEST, payload: { a: 1 } }), /payload must be a text/);
    refused(() => testMessage({ ...TEST, payload: 'x'.repeat(1024 * 1024 + 1) }), /at most 1048576 bytes/);
    refused(() => testMessage({ ...TEST, qos: 3 }), /qos must be/);
    refused(() => testMessage({ ...TEST, retain: 'yes' }), /retain must be/);
  });
});
