import { ca, serverPair } from '../../support/certificates/certificates.ts';
import { transportSuite } from '../../support/transport-suite.ts';

transportSuite({ scheme: 'mqtt', server: {}, tls: {} });
transportSuite({ scheme: 'mqtts', server: { tls: serverPair }, tls: { ca } });
transportSuite({ scheme: 'ws', server: { webSocket: true }, tls: {} });
transportSuite({ scheme: 'wss', server: { webSocket: true, tls: serverPair }, tls: { ca } });
