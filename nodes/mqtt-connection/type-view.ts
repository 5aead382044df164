import type { Node } from 'node-red';

/**
 * A view (`view.ts`) that all nodes of a type share, for types of which there are thousands: the properties are those of
 * the prototype, and each node has but one entry here. As properties of its own they would cost it two kilobytes.
 * @typeParam Shown what of a node is shown.
 */
export class TypeView<Shown> {
  readonly #shown = new WeakMap<object, Shown>();

  /** @param type the constructor that is registered. */
  constructor(type: { readonly prototype: object }, view: Readonly<Record<string, (shown: Shown) => unknown>>) {
    const shown = this.#shown;
    for (const [name, show] of Object.entries(view)) {
      const get = function (this: object): unknown {
        const one = shown.get(this);
        return one === undefined ? undefined : show(one);
      };
      Object.defineProperty(type.prototype, name, { get, configurable: true });
    }
  }

  add(node: Node, shown: Shown): void {
    this.#shown.set(node, shown);
  }
}
