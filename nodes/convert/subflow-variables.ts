import { OWN_TYPE, isCoreFlowNode } from './node-types.ts';
import { type StoredNode, textIn } from './stored-node.ts';

/** An entry of the `env` list of a subflow, or of one of its instances. */
interface Variable {
  readonly name: string;
  readonly type: string;
  readonly value: unknown;
}

/**
 * The variables by which subflows let each instance choose a broker: nodes inside name them as `${NAME}`. One of them
 * holds a single type of connection, so it is converted only together with all the nodes that it serves.
 */
export class SubflowVariables {
  readonly #converted = new Set<string>();

  constructor(nodes: readonly StoredNode[], isConverted: (node: StoredNode) => boolean, all: boolean) {
    for (const subflow of nodes.filter(({ type }) => type === 'subflow')) {
      for (const { name, type } of variablesOf(subflow)) {
        if (type !== 'mqtt-broker') continue;
        const served = nodes.filter((node) => isServedBy(node, subflow.id, name));
        const converted = served.every(isConverted) && (all || served.length > 0);
        if (converted) this.#converted.add(key(subflow.id, name));
      }
    }
  }

  /** Whether a node's `${NAME}` names a variable that is converted with it. */
  serves(node: StoredNode): boolean {
    const name = variableName(node['broker']);
    return name !== undefined && this.#converted.has(key(textIn(node['z']), name));
  }

  /** The ids of brokers that a subflow, or an instance, passes on, with whether that variable is converted. */
  brokersOf(node: StoredNode): { readonly id: string; readonly converted: boolean }[] {
    return variablesOf(node).map((variable) => ({
      id: textIn(variable.value),
      converted: this.#isConverted(node, variable),
    }));
  }

  /** The same subflow or instance with its variables converted; itself where there is none. */
  convert(node: StoredNode, newId: (brokerId: string) => string): StoredNode {
    if (!variablesOf(node).some((variable) => this.#isConverted(node, variable))) return node;
    const env = (node['env'] as readonly unknown[]).map((entry) =>
      isVariable(entry) && this.#isConverted(node, entry) ? convertVariable(entry, newId) : entry,
    );
    return { ...node, env };
  }

  #isConverted(node: StoredNode, { name }: Variable): boolean {
    return this.#converted.has(key(subflowOf(node) ?? '', name));
  }
}

/** The variable's name, where a field names one: `${NAME}`. */
export function variableName(value: unknown): string | undefined {
  return /^\$\{([^}]+)\}$/.exec(textIn(value))?.[1];
}

/** The subflow that a node defines or is an instance of. */
export function subflowOf({ id, type }: StoredNode): string | undefined {
  if (type === 'subflow') return id;
  return type.startsWith('subflow:') ? type.slice('subflow:'.length) : undefined;
}

function convertVariable(variable: Variable, newId: (brokerId: string) => string): Variable {
  const type = variable.type === 'mqtt-broker' ? OWN_TYPE['mqtt-broker'] : variable.type;
  return { ...variable, type, value: newId(textIn(variable.value)) };
}

function isServedBy(node: StoredNode, subflowId: string, name: string): boolean {
  return isCoreFlowNode(node) && node['z'] === subflowId && variableName(node['broker']) === name;
}

function variablesOf(node: StoredNode): Variable[] {
  const { env } = node;
  return subflowOf(node) !== undefined && Array.isArray(env) ? env.filter(isVariable) : [];
}

function isVariable(entry: unknown): entry is Variable {
  if (typeof entry !== 'object' || entry === null) return false;
  const { name, type } = entry as Readonly<Record<string, unknown>>;
  return typeof name === 'string' && typeof type === 'string';
}

function key(subflowId: string, name: string): string {
  return JSON.stringify([subflowId, name]);
}
