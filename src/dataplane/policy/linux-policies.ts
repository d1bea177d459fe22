/** Policies in the kernel of Linux: a table of nftables in the namespace of each network that has some. */

import { Learning } from './learning.js';
import type { CountsOfNetwork, NetworkRules, PolicyCounts, PolicyDevice, SeenFrames } from './policies.js';
import { PolicyTable } from './policy-table.js';
import { counterOf, deniedCounter, ISOLATED, UNKNOWN, UNNOTED } from './table-layout.js';

interface Ruled {
  readonly table: PolicyTable;
  rules: NetworkRules | undefined;
}

export class LinuxPolicies implements PolicyDevice {
  readonly #networks = new Map<string, Ruled>();
  readonly #learning = new Learning();
  #onDoubt: (networkId: string) => void = () => undefined;

  async set(
    networkId: string,
    rules: NetworkRules | undefined,
    changed?: ReadonlySet<string>,
  ): Promise<boolean | 'absent'> {
    const known = this.#networks.get(networkId);
    const ruled = known ?? this.#add(networkId);
    ruled.rules = rules;
    const outcome = await ruled.table.set(rules, changed);
    if (!rules || outcome === 'absent') this.#remove(networkId, ruled);
    // By which a daemon that was killed learned. What cannot be removed now is when somebody learns again.
    if (!known) await this.#learning.removeStale(networkId).catch(() => undefined);
    return outcome;
  }

  isInForce(networkId: string): boolean {
    return this.#networks.get(networkId)?.table.isInForce() ?? false;
  }

  onDoubt(listener: (networkId: string) => void): void {
    this.#onDoubt = listener;
  }

  count(networkId: string): CountsOfNetwork | undefined {
    const { table, rules } = this.#networks.get(networkId) ?? {};
    if (!table || !rules) return undefined;
    const counters = table.count();
    const of = (name: string) => counters.get(name) ?? 0;
    const policies = rules.policies.map(({ name, allow }): [string, PolicyCounts] => [
      name,
      { hits: allow.map((_, i) => of(counterOf(name, i))), denied: of(deniedCounter(name)) },
    ]);
    const dropped = { isolated: of(ISOLATED), unknown: of(UNKNOWN) };
    return { policies: new Map(policies), ...dropped, unnoted: of(UNNOTED) };
  }

  async listDenied(networkId: string): Promise<readonly SeenFrames[]> {
    return (await this.#networks.get(networkId)?.table.listDenied()) ?? [];
  }

  learn(networkId: string, ms: number, signal: AbortSignal): Promise<readonly SeenFrames[]> {
    return this.#learning.learn(networkId, ms, signal);
  }

  /** The rules stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { table } of this.#networks.values()) table[Symbol.dispose]();
    this.#networks.clear();
  }

  #add(networkId: string): Ruled {
    const ruled = { table: new PolicyTable(networkId, () => this.#onDoubt(networkId)), rules: undefined };
    this.#networks.set(networkId, ruled);
    return ruled;
  }

  #remove(networkId: string, ruled: Ruled): void {
    ruled.table[Symbol.dispose]();
    if (this.#networks.get(networkId) === ruled) this.#networks.delete(networkId);
  }
}
