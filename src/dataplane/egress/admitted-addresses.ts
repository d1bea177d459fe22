import { addressElements, type EgressElement, sourceOf } from './egress-elements.js';
import type { EgressAddress } from './egress-rules.js';
import { type EgressTables, named, type TimedElement } from './egress-tables.js';
import { replaceElements } from './element-changes.js';

/** Of the time of an address so much, or half of it, may be over before it is let through anew: not each answer changes the kernel. */
const SLACK_MS = 300_000;

/** The addresses that names have let through, each until its time is over. */
export class AdmittedAddresses {
  /** By `named`, with the end of their time. */
  readonly #admitted = new Map<string, { readonly element: EgressElement; readonly endMs: number }>();

  constructor(private readonly tables: Pick<EgressTables, 'change' | 'list'>) {}

  /** For the container that goes out by these addresses. In force when it returns. Throws KERNEL. */
  admit(sources: readonly string[], addresses: readonly EgressAddress[]): void {
    const now = performance.now();
    const wanted = sources.flatMap((source) =>
      addresses.flatMap((each) =>
        addressElements(source, each).map((element) => ({ element, leftMs: each.seconds * 1000 })),
      ),
    );
    const due = wanted.filter(({ element, leftMs }) => {
      const endMs = this.#admitted.get(named(element))?.endMs ?? now;
      return endMs - now < leftMs - Math.min(SLACK_MS, leftMs / 2);
    });
    if (due.length === 0) return;
    // A kernel before 6.12 keeps the time of what is there: it is deleted in the same transaction.
    const known = due.map(({ element }) => element).filter((element) => this.#admitted.has(named(element)));
    replaceElements(this.tables, known, due);
    for (const { element, leftMs } of due)
      this.#admitted.set(named(element), { element, endMs: now + leftMs });
  }

  /** What an earlier daemon let through. */
  adopt(): void {
    const now = performance.now();
    for (const { element, leftMs = 0 } of [...this.tables.list('addresses'), ...this.tables.list('services')])
      this.#admitted.set(named(element), { element, endMs: now + leftMs });
  }

  /** Those whose time is not over; the others are forgotten. */
  current(): TimedElement[] {
    const now = performance.now();
    for (const [name, { endMs }] of this.#admitted) if (endMs <= now) this.#admitted.delete(name);
    return [...this.#admitted.values()].map(({ element, endMs }) => ({ element, leftMs: endMs - now }));
  }

  /** Those of containers for whose address this is true. */
  of(isWanted: (source: string) => boolean): EgressElement[] {
    const elements = [...this.#admitted.values()].map(({ element }) => element);
    return elements.filter((element) => isWanted(sourceOf(element)));
  }

  /** They are deleted in the kernel. Unknown is success. */
  forget(elements: readonly EgressElement[]): void {
    for (const element of elements) this.#admitted.delete(named(element));
  }
}
