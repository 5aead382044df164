import type { DisconnectProperties } from './packet.ts';
import { whyNotEncodable } from './topic.ts';

const HIGHEST_UINT32 = 0xffffffff;

/**
 * Why a Client may not say this in a DISCONNECT (3.14.2.2), or undefined if it may.
 * @param connectSessionExpiry seconds, as CONNECT said it: after 0 nothing else may be asked for (3.14.2.2.2).
 */
export function whyNotDisconnectProperties(
  properties: DisconnectProperties,
  connectSessionExpiry: number,
): string | undefined {
  const { sessionExpiryInterval, reasonString, userProperties = [], serverReference } = properties;
  if (serverReference !== undefined) return 'a Server Reference goes from Server to Client only';
  return (
    whyNotExpiry(sessionExpiryInterval, connectSessionExpiry) ??
    whyNotText('reason string', reasonString) ??
    userProperties.flat().reduce<string | undefined>((why, text) => why ?? whyNotText('user property', text), undefined)
  );
}

function whyNotExpiry(seconds: number | undefined, connectSessionExpiry: number): string | undefined {
  if (seconds === undefined) return undefined;
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > HIGHEST_UINT32) {
    return `the session expiry is ${seconds}, it must be a whole number from 0 to ${HIGHEST_UINT32}`;
  }
  // 3.14.2.2.2: a Protocol Error.
  if (seconds > 0 && connectSessionExpiry === 0) return 'a session without expiry in CONNECT cannot get one at the end';
  return undefined;
}

function whyNotText(what: string, text: string | undefined): string | undefined {
  const problem = text === undefined ? undefined : whyNotEncodable(text);
  return problem === undefined ? undefined : `the ${what} ${problem}`;
}
