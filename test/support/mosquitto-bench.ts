import { useBroker } from './broker-bench.ts';
import { RealBroker } from './real-broker.ts';
import type { RealBrokerOptions } from './real-broker.ts';

/** Starts mosquitto for the tests of the surrounding `describe`, which skip where it is not installed. */
export function useMosquitto(options?: RealBrokerOptions): () => RealBroker {
  return useBroker('mosquitto', (program) => RealBroker.start(program, options));
}
