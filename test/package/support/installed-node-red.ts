import { type AedesBroker, startAedesBroker } from '../../support/aedes-broker.ts';
import { NodeRed } from './node-red.ts';
import { packTarball } from './tarball.ts';
import { createUserDirectory } from './user-directory.ts';

/** A Node-RED with the packed package installed, and a broker for its flows. */
export interface InstalledNodeRed {
  readonly nodeRed: NodeRed;
  readonly broker: AedesBroker;
  stop(): Promise<void>;
}

export async function startInstalledNodeRed(): Promise<InstalledNodeRed> {
  const tarball = await packTarball();
  const userDirectory = await createUserDirectory(tarball);
  tarball.remove();
  const broker = await startAedesBroker();
  const nodeRed = await NodeRed.start(userDirectory.path);
  return {
    nodeRed,
    broker,
    stop: async () => {
      try {
        await nodeRed.stop();
      } finally {
        await broker.close();
        userDirectory.remove();
      }
    },
  };
}
