import { MqttError } from '../../src/index.ts';
import type { SharedConnection } from './shared-connection.ts';
import type { BrokerOverride } from '../common/broker-override.ts';

interface ActionMsg {
  readonly action?: unknown;
  /** Other settings for `connect`. */
  readonly broker?: unknown;
}

/** `connect` and `disconnect`, which mqtt-in and mqtt-out both understand. */
export function runAction(connection: SharedConnection, msg: ActionMsg, done: (error?: Error) => void): void {
  switch (msg.action) {
    case 'connect':
      // Both ways end in `done`.
      return void connectAction(connection, msg.broker).then(() => done(), done);
    case 'disconnect':
      return void connection.disconnect().then(() => done(), done);
    default:
      return done(new MqttError('invalid-message', 'Invalid action specified'));
  }
}

/** Resolves when connected; the first attempt that fails is the error. */
async function connectAction(connection: SharedConnection, broker: unknown): Promise<void> {
  if (isObject(broker)) await applySettings(connection, broker);
  await connection.connect();
}

/** A connection that is up, or on its way, is given up for other settings only by force. */
async function applySettings(connection: SharedConnection, broker: BrokerOverride): Promise<void> {
  if (!connection.changeable) {
    if (!isForced(broker)) throw new MqttError('invalid-message', 'Disconnect from broker before connecting');
    await connection.disconnect();
  }
  connection.configure(broker);
}

function isForced({ force }: BrokerOverride): boolean {
  return Boolean(force) && force !== 'false';
}

function isObject(value: unknown): value is BrokerOverride {
  return typeof value === 'object' && value !== null;
}
