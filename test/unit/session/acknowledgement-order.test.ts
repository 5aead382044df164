import assert from 'node:assert/strict';
import { AcknowledgementOrder } from '../../../src/session/acknowledgement-order.ts';
import { Delivery } from '../../../src/session/delivery.ts';
import { id, received } from './fixture.ts';

/** A message that waits for somebody. */
function held(packetId: number): Delivery {
  const delivery = new Delivery(received('a', 2, packetId), id(packetId), packetId);
  delivery.hold(1000);
  return delivery;
}

describe('The order of acknowledgements', () => {
  it('counts messages behind one that is kept, and not the answers to those that come once more', () => {
    const order = new AcknowledgementOrder();
    for (const packetId of [1, 2]) order.push(held(packetId));
    for (const packetId of [1, 1, 2]) order.pushAgain(received('a', 2, packetId, true), id(packetId));
    assert.deepEqual([order.length, order.behindKept, order.next()], [4, 2, undefined]);
    order.exchangeIsOver(id(2));
    assert.equal(order.behindKept, 2);
  });

  it('begins anew with each connection', () => {
    const order = new AcknowledgementOrder();
    const first = held(1);
    order.push(first);
    order.pushAgain(received('a', 2, 1, true), id(1));
    order.clear();
    assert.deepEqual([order.length, first.isInTurn], [0, false]);
    order.push(held(2));
    order.pushAgain(received('a', 2, 1, true), id(1));
    assert.deepEqual([order.length, order.behindKept], [2, 1]);
  });

  it('answers each time that a message comes once more behind the last answer', () => {
    const order = new AcknowledgementOrder();
    for (let times = 0; times < 2; times++) {
      order.pushAgain(received('a', 2, 1, true), id(1));
      assert.equal(order.next()?.packetId, 1);
      order.taken();
    }
    assert.equal(order.length, 0);
  });
});
