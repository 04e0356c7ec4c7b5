/** Services that call each other in a circle: the strongly connected parts with more than one member (Tarjan, 1972), each in the order of names. */
export function cyclesOf(
  edges: readonly { readonly from: string; readonly to: string }[],
): readonly (readonly string[])[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const search = new Tarjan(next);
  for (const node of next.keys()) search.visit(node);
  return search.parts.filter(({ length }) => length > 1).map((part) => part.toSorted());
}

class Tarjan {
  readonly parts: (readonly string[])[] = [];
  readonly #next: ReadonlyMap<string, readonly string[]>;
  readonly #index = new Map<string, number>();
  readonly #low = new Map<string, number>();
  readonly #stack: string[] = [];
  readonly #onStack = new Set<string>();

  constructor(next: ReadonlyMap<string, readonly string[]>) {
    this.#next = next;
  }

  visit(node: string): void {
    if (this.#index.has(node)) return;
    const index = this.#index.size;
    this.#index.set(node, index);
    this.#low.set(node, index);
    this.#stack.push(node);
    this.#onStack.add(node);
    for (const to of this.#next.get(node) ?? []) {
      if (!this.#index.has(to)) {
        this.visit(to);
        this.#lower(node, this.#low.get(to));
      } else if (this.#onStack.has(to)) this.#lower(node, this.#index.get(to));
    }
    if (this.#low.get(node) === index) this.#close(node);
  }

  #lower(node: string, to: number | undefined): void {
    this.#low.set(node, Math.min(this.#low.get(node) ?? 0, to ?? 0));
  }

  #close(node: string): void {
    const part = this.#stack.splice(this.#stack.indexOf(node));
    for (const each of part) this.#onStack.delete(each);
    this.parts.push(part);
  }
}
