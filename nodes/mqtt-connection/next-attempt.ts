import { type Client, type ClientState, MqttError } from '../../src/index.ts';

/** Resolves when the client is connected; rejects when its next attempt has failed, or when it is told to stop, or is closed. */
export function nextAttempt(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    const { state: now } = client;
    if (now.phase === 'connected') return resolve();
    if (now.phase === 'closed') return reject(failureOf(now));
    const forget = client.onState((state) => {
      if (state.phase === 'connecting') return;
      forget();
      if (state.phase === 'connected') resolve();
      else reject(failureOf(state));
    });
  });
}

function failureOf(state: ClientState): MqttError {
  return state.phase === 'waiting' ? state.cause : new MqttError('closed', 'the connection was closed');
}
