import { brokerAddress } from '../common/broker-address.ts';

export interface ClientIdentity {
  readonly id: string;
  readonly broker?: string;
  readonly port?: string | number;
  readonly clientid?: string;
}

/** The first other connection with the same broker and the same client id: the broker would let only one of them in. */
export function findSameClient<T extends ClientIdentity>(self: ClientIdentity, others: readonly T[]): T | undefined {
  const clientId = self.clientid ?? '';
  if (clientId === '') return undefined;
  const address = addressOf(self);
  return others.find((other) => other.id !== self.id && other.clientid === clientId && addressOf(other) === address);
}

function addressOf({ broker, port }: ClientIdentity): string {
  return brokerAddress(broker ?? '', port);
}
