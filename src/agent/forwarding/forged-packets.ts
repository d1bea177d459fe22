/** Packets that networks have dropped since their last look, for they were not from the sender's own MAC and addresses. */
export interface Forger {
  readonly networkId: string;
  /** The first 12 digits of the endpoint's id. */
  readonly endpointName: string;
}

type Counts = ReadonlyMap<string, number>;

/** What the kernel has counted, and whose count has grown: those forge packets now. */
export class ForgedPackets {
  readonly #counts = new Map<string, Counts>();
  readonly #forgers = new Map<string, readonly Forger[]>();

  get forgers(): readonly Forger[] {
    return [...this.#forgers.values()].flat();
  }

  /** After a look. What an earlier daemon has seen is not new. Returns whether the count of an endpoint has grown. */
  note(networkId: string, counts: Counts = new Map()): boolean {
    const before = this.#counts.get(networkId) ?? counts;
    const names = [...counts.keys()].filter((name) => (counts.get(name) ?? 0) > (before.get(name) ?? 0));
    this.#counts.set(networkId, counts);
    if (names.length === 0) this.#forgers.delete(networkId);
    else
      this.#forgers.set(
        networkId,
        names.map((endpointName) => ({ networkId, endpointName })),
      );
    return names.length > 0;
  }

  /** Only of these networks is anything known from now on. */
  keep(used: ReadonlySet<string>): void {
    for (const id of this.#counts.keys()) {
      if (used.has(id)) continue;
      this.#counts.delete(id);
      this.#forgers.delete(id);
    }
  }
}
