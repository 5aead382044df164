import type { IPublishPacket } from 'mqtt-packet';

/** A PUBLISH as a server sends it; QoS 0 to the topic `t` unless told otherwise. */
export function aPublish(packet: Partial<IPublishPacket> = {}): IPublishPacket {
  return { cmd: 'publish', topic: 't', payload: '', qos: 0, dup: false, retain: false, ...packet };
}
