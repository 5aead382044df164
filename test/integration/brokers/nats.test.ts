import { useBroker } from '../../support/broker-bench.ts';
import { itCarriesMessages } from '../../support/broker-suite.ts';
import { NatsBroker } from '../../support/real-broker-nats.ts';

describe('NATS 2.9', () => {
  const broker = useBroker('nats-server', (program) => NatsBroker.start(program));

  itCarriesMessages({ port: () => broker().port, arrivesAt: [0, 1] });
});
