import { type MessageProperties, type Payload, payloadBytes } from '../protocol/packet.ts';

/** What one message costs beside its bytes: the record, its places in queue and store. */
const OVERHEAD = 200;

/** What a user property costs beside its characters. */
const USER_PROPERTY = 200;

interface Sized {
  readonly topic: string;
  readonly payload: Payload;
  readonly properties?: MessageProperties | undefined;
}

/** Bytes that a message counts for in limits: topic, payload and properties, and a share for its record. */
export function sizeOf({ topic, payload, properties }: Sized): number {
  return (
    OVERHEAD + topic.length + payloadBytes(payload) + (properties === undefined ? 0 : sizeOfProperties(properties))
  );
}

/** Bytes of the properties that have a length of their own; names and texts by their characters, and what they cost besides. */
export function sizeOfProperties(properties: MessageProperties): number {
  const { correlationData, contentType, responseTopic, userProperties = [] } = properties;
  let size = (correlationData?.length ?? 0) + (contentType?.length ?? 0) + (responseTopic?.length ?? 0);
  for (const [name, value] of userProperties) size += USER_PROPERTY + name.length + value.length;
  return size;
}
