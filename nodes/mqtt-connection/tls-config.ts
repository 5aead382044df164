import type { Node } from 'node-red';
import { MqttError, type TlsOptions } from '../../src/index.ts';

/** Node-RED's own `tls-config` node. */
interface TlsConfigNode extends Node {
  /** False when one of its files could not be read. */
  readonly valid?: boolean;
  addTLSOptions(options: Record<string, unknown>): unknown;
}

/**
 * The TLS material of the `tls-config` node with this id; undefined where none was chosen.
 * @throws {MqttError} `tls-failed`, when it does not exist, or its certificates could not be loaded: that is never a
 *   reason to go without.
 */
export function tlsOptionsOf(
  id: string | undefined,
  getNode: (id: string) => Node | null | undefined,
): TlsOptions | undefined {
  if (id === undefined) return undefined;
  const node = getNode(id);
  if (!isTlsConfig(node)) throw new MqttError('tls-failed', `the TLS configuration ${id} is missing`);
  if (node.valid === false) {
    throw new MqttError(
      'tls-failed',
      `the certificates of the TLS configuration "${node.name ?? node.id}" could not be loaded`,
    );
  }
  const options: Record<string, unknown> = {};
  node.addTLSOptions(options);
  const { ALPNProtocols, ...material } = options;
  return { ...material, ...(Array.isArray(ALPNProtocols) && { alpnProtocols: ALPNProtocols as string[] }) };
}

function isTlsConfig(node: Node | null | undefined): node is TlsConfigNode {
  return typeof node === 'object' && node !== null && 'addTLSOptions' in node;
}
