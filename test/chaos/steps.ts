import type { Side } from '../support/fault-link.ts';

/** A packet on its way: a step of the protocol. */
export interface ProtocolStep {
  readonly packet: PacketName;
  readonly towards: Side;
}

export type PacketName =
  | 'connect'
  | 'connack'
  | 'publish'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'subscribe'
  | 'suback'
  | 'disconnect';

/** Where at a packet a connection is cut. */
export const SPOTS = ['before', 'within', 'behind'] as const;
export type Spot = (typeof SPOTS)[number];

/** 2.1.2: the type is in the first four bits. */
export const PACKET_TYPES: Readonly<Record<PacketName, number>> = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  disconnect: 14,
};

/** Those of a beginning connection: only a new one has them. */
export const OPENING: readonly PacketName[] = ['connect', 'connack', 'subscribe', 'suback'];

/** Every step that the traffic of the breaker has. */
export const PROTOCOL_STEPS: readonly ProtocolStep[] = [
  ...(['connect', 'subscribe', 'disconnect'] as const).map((packet) => ({ packet, towards: 'server' as const })),
  ...(['connack', 'suback'] as const).map((packet) => ({ packet, towards: 'client' as const })),
  ...(['publish', 'puback', 'pubrec', 'pubrel', 'pubcomp'] as const).flatMap((packet) =>
    (['client', 'server'] as const).map((towards) => ({ packet, towards })),
  ),
];
