import type { Socket } from 'node:net';
import { type PeerCertificate, TLSSocket } from 'node:tls';

/** A certificate as it says itself: text from outside, of any length. */
export interface Certificate {
  /** `CN=broker.example, O=Example`; empty: it names nobody. */
  readonly subject: string;
  /** Who signed it, likewise. */
  readonly issuer: string;
  /** Whom it is for, as in `DNS:broker.example, IP Address:192.0.2.1`; empty: it does not say. */
  readonly names: string;
  /** As in `Nov  8 12:00:00 2026 GMT`. */
  readonly validFrom: string;
  readonly validTo: string;
  /** SHA-256, in pairs of hexadecimal digits with colons. */
  readonly fingerprint: string;
}

/** What happens while a connection is dialled, in its order. */
export type DialEvent =
  /** The name of the host has this address, and perhaps others, which follow. */
  | { readonly kind: 'resolved'; readonly address: string }
  /** TCP is open. */
  | { readonly kind: 'opened'; readonly address: string; readonly port: number }
  /** It goes by this proxy, such as `http://proxy.example:3128`, which is not reached yet. */
  | { readonly kind: 'proxy'; readonly proxy: string }
  /** The proxy has opened the way. */
  | { readonly kind: 'tunnelled' }
  /** The peer showed its certificate, of which is not known yet whether it is good enough. */
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  /** TLS is there. `unverified`: why the certificate does not verify, where a person asked not to mind. */
  | { readonly kind: 'secured'; readonly protocol: string; readonly unverified: string | undefined };

export type DialWatch = (event: DialEvent) => void;

/** Tells what happens to a socket that is being connected. */
export function watchSocket(socket: Socket, watch: DialWatch): void {
  // Once for each address of the host, and not at all for what is one.
  socket.on('lookup', (error: Error | null, address: string) => {
    if (error === null && address) watch({ kind: 'resolved', address });
  });
  socket.once('connect', () => {
    watch({ kind: 'opened', address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 });
  });
  if (socket instanceof TLSSocket) watchTls(socket, watch);
}

function watchTls(socket: TLSSocket, watch: DialWatch): void {
  // In front of Node's own listener: that destroys the socket of a certificate which does not verify, and with it the
  // certificate, which is what a person has to see then.
  socket.prependOnceListener('secure', () => {
    const certificate = certificateOf(socket.getPeerCertificate());
    if (certificate !== undefined) watch({ kind: 'certificate', certificate });
  });
  socket.once('secureConnect', () => {
    const { authorized, authorizationError } = socket;
    // The types say Error; it is the code.
    const unverified = authorized ? undefined : String(authorizationError);
    watch({ kind: 'secured', protocol: socket.getProtocol() ?? '', unverified });
  });
}

/** undefined: the peer has none. */
function certificateOf(peer: PeerCertificate): Certificate | undefined {
  if (peer.fingerprint256 === undefined) return undefined;
  return {
    subject: nameOf(peer.subject),
    issuer: nameOf(peer.issuer),
    names: peer.subjectaltname ?? '',
    validFrom: peer.valid_from,
    validTo: peer.valid_to,
    fingerprint: peer.fingerprint256,
  };
}

/** A part may be there several times. */
function nameOf(parts: Readonly<Record<string, unknown>> | undefined): string {
  return Object.entries(parts ?? {})
    .flatMap(([part, value]) => (Array.isArray(value) ? value : [value]).map((each) => `${part}=${String(each)}`))
    .join(', ');
}
