import type { ConnectPacket, ProtocolVersion } from '../protocol/packet.ts';
import { MOST_UNACKNOWLEDGED } from '../session/incoming.ts';
import type { Settings } from './options.ts';

/** What is known of earlier connections when a new one begins. */
export interface ConnectHistory {
  readonly protocolVersion: ProtocolVersion;
  /** The Assigned Client Identifier of an earlier connection, or the configured one. */
  readonly clientId: string;
  /** Whether a connection of this client was accepted before. */
  readonly reconnecting: boolean;
}

export function connectPacket(settings: Settings, history: ConnectHistory): ConnectPacket {
  const { protocolVersion, clientId } = history;
  const { username, password, will, keepAlive } = settings;
  const cleanStart = isCleanStart(settings, history);
  const packet = {
    cmd: 'connect',
    protocolVersion,
    clientId,
    cleanStart,
    keepAlive,
    username,
    password,
    will,
  } as const;
  return protocolVersion === 5 ? { ...packet, properties: connectProperties(settings) } : packet;
}

/**
 * A clean *start* clears what an earlier process left behind. When this client reconnects and the Server keeps
 * sessions for a while (MQTT 5), the session goes on; before MQTT 5 a clean session never does.
 */
function isCleanStart(settings: Settings, { protocolVersion, reconnecting }: ConnectHistory): boolean {
  if (!settings.cleanStart) return false;
  return !(reconnecting && protocolVersion === 5 && settings.sessionExpiryInterval > 0);
}

function connectProperties(settings: Settings): NonNullable<ConnectPacket['properties']> {
  const receiveMaximum = settings.receiversWork()
    ? Math.min(settings.receiveMaximum, MOST_UNACKNOWLEDGED)
    : settings.receiveMaximum;
  const { sessionExpiryInterval, topicAliasMaximum, maximumPacketSize, userProperties } = settings;
  return {
    maximumPacketSize,
    requestResponseInformation: true,
    requestProblemInformation: true,
    ...(sessionExpiryInterval > 0 && { sessionExpiryInterval }),
    ...(receiveMaximum < 65_535 && { receiveMaximum }),
    ...(topicAliasMaximum > 0 && { topicAliasMaximum }),
    ...(userProperties !== undefined && { userProperties }),
  };
}
