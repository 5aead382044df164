import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { type DialWatch, watchSocket } from './dial-watch.ts';
import { opened, TCP_KEEP_ALIVE } from './opened.ts';
import { Reception } from './reception.ts';
import { streamTransport } from './stream-transport.ts';
import type { Transport } from './transport.ts';

/** TLS material and rules; unset fields are Node's defaults (the system's CAs). */
export interface TlsOptions {
  readonly ca?: string | Buffer | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  readonly pfx?: string | Buffer | undefined;
  readonly passphrase?: string | undefined;
  readonly servername?: string | undefined;
  readonly alpnProtocols?: readonly string[] | undefined;
  /** Whether the Server's certificate must verify. Default true: only a person turns it off. */
  readonly rejectUnauthorized?: boolean | undefined;
}

/** Opens a TLS connection; it resolves only after the certificate was verified, before any byte of MQTT. */
export async function dialTls(
  host: string,
  port: number,
  tls: TlsOptions,
  signal: AbortSignal,
  watch?: DialWatch,
): Promise<Transport> {
  const reception = new Reception();
  // `onread` is not among the types, but among the options (tls.connect passes it to its socket).
  const options = { host, port, ...nodeTlsOptions(host, tls), onread: reception.onread };
  const socket = connect(options);
  reception.by(socket);
  if (watch !== undefined) watchSocket(socket, watch);
  socket.setNoDelay(true);
  await opened(socket, 'secureConnect', signal);
  // Before it is connected, the socket would forget the delay.
  socket.setKeepAlive(true, TCP_KEEP_ALIVE.keepAliveInitialDelay);
  return streamTransport(socket, reception);
}

/** Our options in the form that `node:tls` and `ws` take. */
export function nodeTlsOptions(host: string, tls: TlsOptions) {
  const servername = tls.servername ?? (isIP(host) === 0 ? host : undefined);
  return {
    rejectUnauthorized: tls.rejectUnauthorized ?? true,
    ...(servername !== undefined && { servername }),
    ...(tls.ca !== undefined && { ca: tls.ca }),
    ...(tls.cert !== undefined && { cert: tls.cert }),
    ...(tls.key !== undefined && { key: tls.key }),
    ...(tls.pfx !== undefined && { pfx: tls.pfx }),
    ...(tls.passphrase !== undefined && { passphrase: tls.passphrase }),
    ...(tls.alpnProtocols !== undefined && { ALPNProtocols: [...tls.alpnProtocols] }),
  };
}
