/** Names that containers asked for and may not, counted. In memory: bounded, and gone with the daemon. */
import type { GuardedContainer } from './guarded-container.js';

/** Of the same name another container may be made. */
type Who = Pick<GuardedContainer, 'id' | 'name'>;

export interface RefusedName {
  readonly name: string;
  readonly why: string;
  readonly count: number;
  /** ISO 8601, of the last. */
  readonly at: string;
}

/** Of each kind the one that was refused longest ago goes first. */
const MOST_NAMES = 1_000;
const MOST_CONTAINERS = 1_000;
/** Reported: a container that tries names without end does not fill the log. */
const MOST_NOTED = 20;
const NOTED_MS = 60_000;

interface OfContainer {
  /** In the order of their last refusal. */
  readonly names: Map<string, RefusedName>;
  noted: number;
  sinceMs: number;
}

export class RefusedNames {
  /** By id, in the order of their last refusal. */
  readonly #containers = new Map<string, OfContainer>();

  constructor(private readonly report: (container: string, what: string) => void) {}

  /** `report` is called at the first time of a name, for 20 names of a container in a minute. */
  note({ id, name: container }: Who, name: string, why: string): void {
    const known = this.#of(id);
    const before = known.names.get(name);
    known.names.delete(name);
    known.names.set(name, { name, why, count: (before?.count ?? 0) + 1, at: new Date().toISOString() });
    removeOldest(known.names, MOST_NAMES);
    if (before) return;
    const now = performance.now();
    if (now - known.sinceMs > NOTED_MS) Object.assign(known, { sinceMs: now, noted: 0 });
    known.noted++;
    if (known.noted <= MOST_NOTED) this.report(container, `${name}: ${why}`);
  }

  /** The latest last. */
  of({ id }: Who): readonly RefusedName[] {
    return [...(this.#containers.get(id)?.names.values() ?? [])];
  }

  #of(id: string): OfContainer {
    const made = { names: new Map<string, RefusedName>(), noted: 0, sinceMs: performance.now() };
    const known = this.#containers.get(id) ?? made;
    this.#containers.delete(id);
    this.#containers.set(id, known);
    removeOldest(this.#containers, MOST_CONTAINERS);
    return known;
  }
}

function removeOldest(map: Map<string, unknown>, most: number): void {
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
