import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Reception } from '../../../src/transport/reception.ts';
import { streamTransport } from '../../../src/transport/stream-transport.ts';

/** A socket that does nothing but tell. */
class SilentSocket extends EventEmitter {
  pause(): void {}
  resume(): void {}
  destroy(): void {
    this.emit('close');
  }
}

/** A transport that is paused, with bytes that wait behind that; and what it tells. */
function paused(): { socket: SilentSocket; told: string[]; destroy: () => void } {
  const socket = new SilentSocket();
  const reception = new Reception();
  const told: string[] = [];
  const transport = streamTransport(socket as unknown as Socket, reception);
  transport.start({
    data: (chunk) => told.push(String(chunk)),
    drain: () => undefined,
    progress: () => undefined,
    closed: (cause) => told.push(`closed ${cause?.message ?? 'in order'}`),
  });
  transport.pause();
  reception.onread.callback(1, Buffer.from('a'));
  return { socket, told, destroy: () => transport.destroy() };
}

describe('a socket that is paused, and has read on', () => {
  it('and breaks hands on what it has, and tells why', () => {
    const { socket, told } = paused();
    socket.emit('error', new Error('reset'));
    socket.emit('close');
    assert.deepEqual(told, ['a', 'closed reset']);
  });

  it('and is ended by the peer tells that when somebody has taken what it has', () => {
    const { socket, told } = paused();
    socket.emit('close');
    assert.deepEqual(told, []);
  });

  it('and is destroyed tells that at once, and nothing else', () => {
    const { told, destroy } = paused();
    destroy();
    assert.deepEqual(told, ['closed in order']);
  });
});
