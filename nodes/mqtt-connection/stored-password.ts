import { type ClientOptions, parseServer } from '../../src/index.ts';

/** How well a password is protected on its way: in the clear, encrypted for whoever it is, or for the Server alone. */
type Protection = 0 | 1 | 2;

/**
 * Whether a password that was stored with `home` may go where `entered` leads: to the same server, and no less protected.
 * Who tests a connection need not be who knows its password, and must not get it by an address of his own, nor by asking
 * for it in the clear. The port counts too: another one may be anybody's who has an account on that machine.
 *
 * @throws {MqttError} `invalid-options`, where one of them is no address.
 */
export function mayGoTo(home: ClientOptions, entered: ClientOptions): boolean {
  return whereIs(entered) === whereIs(home) && protectionOf(entered) >= protectionOf(home);
}

function whereIs({ server }: ClientOptions): string {
  const { host, port, path } = parseServer(server);
  return `${host.toLowerCase()} ${port} ${path}`;
}

function protectionOf({ server, tls }: ClientOptions): Protection {
  const { scheme } = parseServer(server);
  if (scheme === 'mqtt' || scheme === 'ws') return 0;
  return tls?.rejectUnauthorized === false ? 1 : 2;
}
