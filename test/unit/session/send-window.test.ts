import assert from 'node:assert/strict';
import { SendWindow, type WindowLimits } from '../../../src/session/send-window.ts';

/** Milliseconds of `Clock.now`: a message is acknowledged in each. */
let now = 0;

const BEFORE_5: WindowLimits = { mqtt5: false, receiveMaximum: 65_535, maximumInflight: 20 };

/** Sends as much as the window allows; answers how many. */
function fill(window: SendWindow): number {
  let sent = 0;
  for (; window.open; sent++) window.sent();
  return sent;
}

/** A Server that acknowledges `messages` one after the other, each of which makes room for others. */
function acknowledge(window: SendWindow, messages: number): void {
  for (let n = 0; n < messages; n++) {
    fill(window);
    window.acknowledged((now += 1));
  }
}

/**
 * A Server that hangs up when more than `limit` messages are unacknowledged, and a client that has always more to send.
 * Plays until `messages` are acknowledged; answers how often the Server hung up.
 */
function play(window: SendWindow, limit: number, messages: number, limits = BEFORE_5): number {
  let acknowledged = 0;
  for (let hangUps = 0; hangUps < 100; hangUps++) {
    window.begin(limits, 0, now);
    while (acknowledged < messages && fill(window) >= 0 && window.unacknowledged <= limit) {
      window.acknowledged((now += 1));
      acknowledged += 1;
    }
    if (acknowledged >= messages) return hangUps;
    window.hungUp();
  }
  return assert.fail('it never gets through');
}

describe('The window of messages in flight', () => {
  it('is what the broker says, and our own limit', () => {
    for (const [receiveMaximum, maximumInflight, size] of [
      [10, 50, 10],
      [50, 10, 10],
    ] as const) {
      const window = new SendWindow();
      window.begin({ mqtt5: true, receiveMaximum, maximumInflight }, 0, now);
      assert.equal(fill(window), size);
    }
  });

  it('counts the PUBRELs that are sent again', () => {
    const window = new SendWindow();
    window.begin(BEFORE_5, 5, now);
    assert.equal(fill(window), 15);
  });

  it('is as large after one connection that was lost in a full window: connections are lost for many reasons', () => {
    const window = new SendWindow();
    window.begin(BEFORE_5, 0, now);
    fill(window);
    window.hungUp();
    window.begin(BEFORE_5, 0, now);
    assert.equal(fill(window), 20);
  });

  it('is halved after the second such connection in a row, and 1 after the third', () => {
    const window = new SendWindow();
    const sizes: number[] = [];
    for (let connection = 0; connection < 4; connection++) {
      window.begin(BEFORE_5, 0, now);
      sizes.push(fill(window));
      window.hungUp();
    }
    assert.deepEqual(sizes, [20, 20, 10, 1]);
  });

  it('is not touched by connections that ended after much was acknowledged, or that were not full', () => {
    const window = new SendWindow();
    for (let connection = 0; connection < 10; connection++) {
      window.begin(BEFORE_5, 0, now);
      acknowledge(window, 100);
      fill(window);
      window.hungUp();
      window.begin(BEFORE_5, 0, now);
      for (let n = 0; n < 5; n++) window.sent();
      for (let n = 0; n < 5; n++) window.acknowledged(now);
      window.hungUp();
    }
    window.begin(BEFORE_5, 0, now);
    assert.equal(fill(window), 20);
  });

  it('is not touched by two such connections with one between them on which much was acknowledged', () => {
    const window = new SendWindow();
    for (let round = 0; round < 5; round++) {
      window.begin(BEFORE_5, 0, now);
      fill(window);
      window.hungUp();
      window.begin(BEFORE_5, 0, now);
      acknowledge(window, 100);
      window.hungUp();
    }
    window.begin(BEFORE_5, 0, now);
    assert.equal(fill(window), 20);
  });

  it('is not touched by a single message that the broker hangs up on: that one is the message', () => {
    const window = new SendWindow();
    for (let connection = 0; connection < 10; connection++) {
      window.begin(BEFORE_5, 0, now);
      window.sent();
      window.hungUp();
    }
    window.begin(BEFORE_5, 0, now);
    assert.equal(fill(window), 20);
  });

  for (const limit of [1, 2, 5, 10, 19]) {
    it(`finds a broker's limit of ${limit}, and stays below it: few connections are lost for it`, () => {
      const window = new SendWindow();
      const hangUps = play(window, limit, 1000);
      assert.ok(hangUps <= 10, `${hangUps} connections were lost`);
      assert.equal(play(window, limit, 1000), 0);
    });
  }

  it('grows again to all of it where nothing said that it was the number', () => {
    const window = new SendWindow();
    for (let connection = 0; connection < 3; connection++) {
      window.begin({ ...BEFORE_5, mqtt5: true }, 0, now);
      fill(window);
      window.hungUp();
    }
    window.begin({ ...BEFORE_5, mqtt5: true }, 0, now);
    assert.equal(fill(window), 1);
    acknowledge(window, 19);
    assert.equal(fill(window) + window.unacknowledged > 20, true);
    assert.equal(window.unacknowledged, 20);
  });

  it('tries a limit that it found again after a while of calm, and ever more seldom', () => {
    const window = new SendWindow();
    play(window, 10, 1000);
    window.begin(BEFORE_5, 0, now);
    now += 60_000;
    acknowledge(window, 100);
    assert.ok(fill(window) + window.unacknowledged > 11);
    const seldom = new SendWindow();
    const hangUps = play(seldom, 10, 100_000);
    assert.ok(hangUps < 30, `${hangUps} connections were lost in 100,000 messages`);
  });

  it('is whole again minutes after a link that flapped, not hours', () => {
    const window = new SendWindow();
    for (let connection = 0; connection < 10; connection++) {
      window.begin(BEFORE_5, 0, now);
      fill(window);
      acknowledge(window, 5);
      window.hungUp();
    }
    window.begin(BEFORE_5, 0, now);
    const since = now;
    // Ten messages a second, as many as one in flight lets through where an answer takes 100 ms.
    while (fill(window) + window.unacknowledged < 20) {
      now += 100;
      window.acknowledged(now);
    }
    const minutes = (now - since) / 60_000;
    assert.ok(minutes < 30, `it took ${minutes} minutes`);
  });

  it('begins anew when our own limit is changed', () => {
    const window = new SendWindow();
    play(window, 1, 10);
    window.begin({ ...BEFORE_5, maximumInflight: 8 }, 0, now);
    assert.equal(fill(window), 8);
  });
});
