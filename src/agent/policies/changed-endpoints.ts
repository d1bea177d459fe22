/** Endpoints, or any. */
export type Changed = ReadonlySet<string> | 'any';

/** Which endpoints of networks have changed since that was last taken. */
export class ChangedEndpoints {
  readonly #byNetwork = new Map<string, Set<string> | 'any'>();

  has(networkId: string): boolean {
    return this.#byNetwork.has(networkId);
  }

  add(networkId: string, endpointIds: readonly string[] | 'any'): void {
    const known = this.#byNetwork.get(networkId) ?? new Set();
    if (known === 'any') return;
    this.#byNetwork.set(networkId, endpointIds === 'any' ? 'any' : known);
    if (endpointIds !== 'any') for (const id of endpointIds) known.add(id);
  }

  /** It is forgotten then. */
  take(networkId: string): Changed | undefined {
    const changed = this.#byNetwork.get(networkId);
    this.#byNetwork.delete(networkId);
    return changed;
  }

  /** Forgets all other networks. */
  keepOnly(networkIds: ReadonlySet<string>): void {
    for (const networkId of this.#byNetwork.keys())
      if (!networkIds.has(networkId)) this.#byNetwork.delete(networkId);
  }
}
