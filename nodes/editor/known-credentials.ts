import type { StoredNode } from '../convert/stored-node.ts';
import { flowsRed } from './flows-red.ts';

/** What the editor may know of a broker's credentials; never a password that was deployed. */
export interface KnownCredentials {
  readonly user?: string;
  readonly password?: string;
  readonly hasPassword: boolean;
}

/** The credentials of each broker by its id, from the editor and from Node-RED; without those that cannot be had. */
export async function knownCredentials(brokers: readonly StoredNode[]): Promise<Map<string, KnownCredentials>> {
  const found = await Promise.all(brokers.map(async (broker) => [broker.id, await credentialsOf(broker)] as const));
  return new Map(found.flatMap(([id, known]) => (known === undefined ? [] : [[id, known]])));
}

async function credentialsOf({ id }: StoredNode): Promise<KnownCredentials | undefined> {
  const entered = flowsRed().nodes.node(id)?.credentials;
  if (entered !== undefined) return known(entered);
  try {
    return known(await $.getJSON(`credentials/mqtt-broker/${encodeURIComponent(id)}`));
  } catch {
    return undefined; // not readable with this person's rights: then they are told to look
  }
}

function known(answer: unknown): KnownCredentials {
  const { user, password, has_password } = answer as Readonly<Record<string, unknown>>;
  return {
    ...(typeof user === 'string' && user !== '' && { user }),
    ...(typeof password === 'string' && password !== '' && password !== '__PWRD__' && { password }),
    hasPassword: has_password === true,
  };
}
