import type { Agent } from 'node:http';
import { MqttError, systemCodeOf, textOf, TlsUnanswered } from '../protocol/errors.ts';
import type { DialWatch } from './dial-watch.ts';
import { isTlsFailure, tlsFailure } from './failure.ts';
import { describeProxy, proxyAgent } from './proxy.ts';
import { describeServer, type ServerAddress, webSocketUrl } from './server.ts';
import { dialTcp } from './tcp.ts';
import { dialTls, type TlsOptions } from './tls.ts';
import type { Transport } from './transport.ts';
import { dialWebSocket } from './websocket.ts';

export interface DialOptions {
  readonly tls: TlsOptions;
  /** WebSocket sub-protocol. */
  readonly subprotocol: string;
  /** Bytes of one WebSocket message that we accept at most. */
  readonly maximumMessageSize: number;
  /** The proxy for a WebSocket URL, if there is one. Default: the environment's. */
  readonly webSocketAgent?: WebSocketAgent | undefined;
  /** Told what happens on the way. Default: nobody looks. */
  readonly watch?: DialWatch | undefined;
}

/** The way to a WebSocket URL; undefined: straight. */
export type WebSocketAgent = (url: string, signal: AbortSignal) => Promise<Agent | undefined> | Agent | undefined;

/** Opens a byte stream to a Server. */
export type Dial = (server: ServerAddress, options: DialOptions, signal: AbortSignal) => Promise<Transport>;

/** @throws {MqttError} `unreachable` or `tls-failed`, with what the system said; `invalid-options`; or the signal's reason. */
export const dial: Dial = async (server, options, signal) => {
  try {
    return await open(server, options, signal);
  } catch (error) {
    if (signal.aborted || error instanceof MqttError) throw error;
    throw dialError(server, error);
  }
};

function open(server: ServerAddress, options: DialOptions, signal: AbortSignal): Promise<Transport> {
  switch (server.scheme) {
    case 'mqtt':
      return dialTcp(server.host, server.port, signal, options.watch);
    case 'mqtts':
      return dialTls(server.host, server.port, options.tls, signal, options.watch);
    case 'ws':
    case 'wss':
      return openWebSocket(server, options, signal);
  }
}

async function openWebSocket(server: ServerAddress, options: DialOptions, signal: AbortSignal): Promise<Transport> {
  const url = webSocketUrl(server);
  const { subprotocol, tls, maximumMessageSize, webSocketAgent = proxyAgent, watch } = options;
  const agent = await webSocketAgent(url, signal);
  if (agent !== undefined) watch?.({ kind: 'proxy', proxy: describeProxy(agent) });
  return dialWebSocket({ url, subprotocol, tls, agent, maximumMessageSize, watch }, signal);
}

function dialError(server: ServerAddress, error: unknown): MqttError {
  const where = describeServer(server);
  if (isTlsFailure(error)) return tlsFailure(where, error);
  if (server.scheme === 'mqtts' && isHangUp(error)) return new TlsUnanswered(where, error);
  const text = textOf(error) === '' ? systemCodeOf(error) : textOf(error);
  return new MqttError('unreachable', `cannot reach ${where}: ${text}`, { cause: error, retryable: true });
}

/** A connection that was open was cut, which is not one that could not be opened. */
function isHangUp(error: unknown): boolean {
  return systemCodeOf(error) === 'ECONNRESET' && (error as NodeJS.ErrnoException).syscall !== 'connect';
}
