import { useBroker } from '../../support/broker-bench.ts';
import { itCarriesMessages } from '../../support/broker-suite.ts';
import { RABBITMQ_START_MS, RabbitMqBroker } from '../../support/real-broker-rabbitmq.ts';

describe('RabbitMQ 3.x', () => {
  const broker = useBroker('rabbitmq', (program) => RabbitMqBroker.start(program), RABBITMQ_START_MS);

  itCarriesMessages({ port: () => broker().port, arrivesAt: [0, 1] });
});
