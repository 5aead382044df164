import { type MqttError, ServerDisconnected, systemCodeOf } from '../protocol/errors.ts';

/** Reason Codes of DISCONNECT that can be the answer to a PUBLISH (3.14.2.1); the others are about something else. */
const ABOUT_A_PACKET: ReadonlySet<number> = new Set([0x81, 0x82, 0x83, 0x87, 0x90, 0x93, 0x95, 0x99, 0x9a, 0x9b]);

/** How a peer's end looks that said nothing: its end of the stream, or a reset because it had not read everything. */
const HUNG_UP: ReadonlySet<string> = new Set(['', 'ECONNRESET']);

/** The same, found out by a write. */
const CLOSED: ReadonlySet<string> = new Set([...HUNG_UP, 'EPIPE', 'ECONNABORTED']);

/** Whether the network broke, or is broken, as far as can be seen: of the Server it says nothing. */
export function isOfTheNetwork(cause: MqttError): boolean {
  const systemCode = systemCodeOf(cause.cause);
  switch (cause.code) {
    case 'keep-alive-timeout':
      return true;
    case 'unreachable':
      return systemCode !== 'ECONNREFUSED';
    case 'connection-lost':
      return !CLOSED.has(systemCode);
    default:
      return false;
  }
}

/** Whether the Server may have ended the connection because of a message; a network that breaks has other codes. */
export function mayBeAboutMessage(cause: MqttError): boolean {
  if (cause instanceof ServerDisconnected) return ABOUT_A_PACKET.has(cause.reasonCode);
  return cause.code === 'connection-lost' && HUNG_UP.has(systemCodeOf(cause.cause));
}
