import type { Packet, PacketCmd } from 'mqtt-packet';

/** What to answer to packets of some commands: a packet, several, or `undefined` for silence. */
export type Answers = {
  readonly [C in PacketCmd]?: (packet: Extract<Packet, { cmd: C }>) => Packet | readonly Packet[] | undefined;
};

/** What a broker that agrees to everything answers, unless `answers` says otherwise for the command. */
export function answerTo(packet: Packet, answers: Answers = {}): readonly Packet[] {
  // The key and the argument come from the same packet, which the compiler cannot follow through an index.
  const answer = answers[packet.cmd] as ((packet: Packet) => Packet | readonly Packet[] | undefined) | undefined;
  return asList(answer === undefined ? agree(packet) : answer(packet));
}

function asList(answer: Packet | readonly Packet[] | undefined): readonly Packet[] {
  if (answer === undefined) {
    return [];
  }
  return Array.isArray(answer) ? (answer as readonly Packet[]) : [answer as Packet];
}

function agree(packet: Packet): Packet | undefined {
  const messageId = packet.messageId ?? 0;
  switch (packet.cmd) {
    case 'connect':
      return { cmd: 'connack', sessionPresent: false, returnCode: 0, reasonCode: 0 };
    case 'subscribe':
      return { cmd: 'suback', messageId, granted: packet.subscriptions.map(({ qos }) => qos) };
    case 'unsubscribe':
      return { cmd: 'unsuback', messageId, granted: packet.unsubscriptions.map(() => 0) };
    case 'publish':
      return packet.qos === 0 ? undefined : { cmd: packet.qos === 1 ? 'puback' : 'pubrec', messageId, reasonCode: 0 };
    case 'pubrec':
      return { cmd: 'pubrel', messageId, reasonCode: 0 };
    case 'pubrel':
      return { cmd: 'pubcomp', messageId, reasonCode: 0 };
    case 'pingreq':
      return { cmd: 'pingresp' };
    default:
      return undefined;
  }
}
