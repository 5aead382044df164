import { optionalTool } from './optional.ts';
import { RealBroker } from './real-broker.ts';
import type { RealBrokerOptions } from './real-broker.ts';

/** Starts mosquitto for the tests of the surrounding `describe`, which skip where it is not installed. */
export function useMosquitto(options?: RealBrokerOptions): () => RealBroker {
  let broker: RealBroker | undefined;

  before(async function () {
    const program = optionalTool('mosquitto');
    if (program === undefined) this.skip();
    broker = await RealBroker.start(program, options);
  });

  after(() => broker?.stop());

  return () => {
    if (broker === undefined) throw new Error('mosquitto runs only inside of a test');
    return broker;
  };
}
