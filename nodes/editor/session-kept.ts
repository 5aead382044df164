import { tick } from '../common/tick.ts';
import { speaksVersion5 } from './protocol-version.ts';

/**
 * Whether a stored connection finds its session again after a break: it does not start clean, has a client id of its
 * own, and where it may speak MQTT 5 the session has time to be found. A field from an environment variable counts as set.
 */
export function keepsSession(stored: Readonly<Record<string, unknown>>): boolean {
  const { cleansession, clientid, protocolVersion, sessionExpiry } = stored;
  const startsClean = tick(cleansession) ?? (cleansession === undefined || cleansession === '');
  if (startsClean || clientid === undefined || clientid === '') return false;
  const expiresAtOnce = sessionExpiry === undefined || sessionExpiry === '' || Number(sessionExpiry) === 0;
  return !(speaksVersion5(protocolVersion) && expiresAtOnce);
}
