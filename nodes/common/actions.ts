import { MqttError } from '../../src/index.ts';
import type { SharedConnection } from '../mqtt-connection/shared-connection.ts';

interface ActionMsg {
  readonly action?: unknown;
}

/** `connect` and `disconnect`, which mqtt-in and mqtt-out both understand. */
export function runAction(connection: SharedConnection, msg: ActionMsg, done: (error?: Error) => void): void {
  switch (msg.action) {
    case 'connect':
      return connectAction(connection, done);
    case 'disconnect':
      // `disconnect` never rejects.
      return void connection.client?.disconnect().then(() => done());
    default:
      return done(new MqttError('invalid-message', `unknown action ${JSON.stringify(msg.action)}`));
  }
}

/** Done when connected; an attempt that fails is the error. */
function connectAction(connection: SharedConnection, done: (error?: Error) => void): void {
  const { client } = connection;
  if (client === undefined) return done(new MqttError('invalid-options', 'the connection is not configured'));
  if (client.state.phase === 'connected') return done();
  const forget = client.onState((state) => {
    if (state.phase === 'connecting' || state.phase === 'closing') return;
    forget();
    if (state.phase === 'connected') done();
    else done(state.phase === 'waiting' ? state.cause : new MqttError('closed', 'the connection was closed'));
  });
  client.connect();
}
