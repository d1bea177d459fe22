import { type Limit, limitTo } from '../../concurrency/limit.js';
import { errorMessage, isXnetError, XnetError } from '../../errors.js';
import type { Difference } from '../changes.js';
import type { OwnWork } from '../iproute2/own-work.js';
import type { HostNamespace } from '../kernel/host-namespace.js';
import type { HostRuleset } from '../nft/host-ruleset.js';
import { applyNft, isAbsentInNft, listNftTable } from '../nft/nft.js';
import { parseTable, type TableState } from './read-table.js';
import { elementLines } from './table-elements.js';
import { type Port, portElements } from './table-layout.js';

type Elements = ReadonlyMap<string, string>;

/** What a table needs of its host. */
export interface NftHost {
  readonly ownWork: OwnWork;
  readonly namespace: Pick<HostNamespace, 'name'>;
  readonly ruleset: HostRuleset;
}

export interface TableChange {
  /** Before those of `differences`. */
  readonly lines?: readonly string[];
  readonly differences: readonly Difference<string>[];
}

/**
 * The nft table of a routed network: what this process has written into it, and whether it is so still. Each change is one
 * transaction of the kernel's. What is in a chain is learned when it is first read after it was written.
 */
export class RoutedTable {
  readonly #limit: Limit = limitTo(1);
  /** Undefined: it may be anything. */
  #elements: Map<string, string> | undefined;
  /** As TableState.chains; undefined: it was written, and not read since. */
  readonly #chains = new Map<string, string | undefined>();
  /** At which all was seen to be right. */
  #generation: number | undefined;

  constructor(
    readonly name: string,
    private readonly host: NftHost,
  ) {}

  /** As far as they are known. */
  get elements(): ReadonlyMap<string, string> {
    return this.#elements ?? new Map();
  }

  /** Those that it shall have. */
  get chains(): string[] {
    return [...this.#chains.keys()].filter((chain) => chain !== '');
  }

  /** Takes what is there of it for right. Undefined: there is none. */
  async adopt(): Promise<TableState | undefined> {
    return this.#limit(async () => {
      const state = await this.#read();
      this.#elements = state?.elements;
      this.#chains.clear();
      for (const [chain, text] of state?.chains ?? []) this.#chains.set(chain, text);
      return state;
    });
  }

  /**
   * `plan` is given the elements that are there, which are read if they are not known. Throws NOT_FOUND when the table is gone, or
   * some of what the change is of.
   */
  async change(plan: (elements: ReadonlyMap<string, string>) => TableChange): Promise<void> {
    await this.#limit(async () => {
      const elements = this.#elements ?? (await this.#read())?.elements ?? new Map<string, string>();
      this.#elements = elements;
      const { lines = [], differences } = plan(elements);
      await this.#apply([...lines, ...elementLines(`netdev ${this.name}`, differences)]);
      for (const { key, desired } of differences) {
        if (desired === undefined) elements.delete(key);
        else elements.set(key, desired);
      }
      this.#elements = elements;
      this.#noteChains(lines);
    });
  }

  /**
   * As a change of `written`, of ports that are new, faster: `add` is of netlink. What the kernel refuses is left to nft, which has
   * words for it, and which also replaces what is there.
   */
  async addPorts(
    ports: readonly Port[],
    add: () => void,
    written: (elements: Elements) => TableChange,
  ): Promise<void> {
    const isDone = await this.#limit(async () => {
      const elements = this.#elements;
      if (!elements) return false;
      this.#elements = undefined;
      this.#generation = undefined;
      try {
        await this.host.ownWork.run(this.name, async () => add());
      } catch (error: unknown) {
        if (!isXnetError(error)) throw error;
        // Nothing was changed.
        this.#elements = elements;
        return false;
      }
      for (const [key, value] of ports.flatMap(portElements)) elements.set(key, value);
      for (const { name } of ports) this.#chains.set(name, undefined);
      this.#elements = elements;
      return true;
    });
    if (!isDone) await this.change(written);
  }

  /** Writes all of it anew, in one transaction: no packet meets half of it. */
  async replace(lines: readonly string[], elements: ReadonlyMap<string, string>): Promise<void> {
    await this.#limit(async () => {
      const differences = [...elements].map(([key, desired]) => ({
        ...{ key, desired, was: 'missing' as const },
        observed: undefined,
      }));
      await this.#apply([
        ...removalOf(this.name),
        ...lines,
        ...elementLines(`netdev ${this.name}`, differences),
      ]);
      this.#elements = new Map(elements);
      this.#chains.clear();
      this.#noteChains(lines);
    });
  }

  /** Whether all chains are as they were written; undefined: there is no table. */
  async look(): Promise<boolean | undefined> {
    return this.#limit(async () => {
      const generation = this.host.ruleset.read();
      if (this.#elements && generation !== undefined && generation === this.#generation) return true;
      const state = await this.#read();
      this.#elements = state?.elements;
      const isWhole = state && this.#learn(state.chains);
      // Read before the table: what came in between makes for another look.
      if (isWhole) this.#generation = generation;
      return isWhole;
    });
  }

  async remove(): Promise<void> {
    await this.#limit(async () => {
      this.#chains.clear();
      await this.#apply(removalOf(this.name));
    });
  }

  /** What lines of nft make of the chains. */
  #noteChains(lines: readonly string[]): void {
    for (const line of lines) {
      const [, verb, kind, name = ''] = /^(add|delete) (\w+) netdev \S+ (\S+)/.exec(line) ?? [];
      if (kind !== 'chain' && kind !== 'map') continue;
      if (verb === 'delete') this.#chains.delete(name);
      else this.#chains.set(kind === 'map' ? '' : name, undefined);
    }
  }

  /** Whether they are as they were last, those apart that were written since. */
  #learn(chains: ReadonlyMap<string, string>): boolean {
    if (chains.size !== this.#chains.size) return false;
    for (const [chain, text] of this.#chains) {
      const now = chains.get(chain);
      if (now === undefined || (text !== undefined && text !== now)) return false;
    }
    for (const [chain, text] of chains) this.#chains.set(chain, text);
    return true;
  }

  async #apply(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    this.#elements = undefined;
    this.#generation = undefined;
    try {
      await this.host.ownWork.run(this.name, () => applyNft(this.host.namespace.name, lines));
    } catch (error: unknown) {
      if (!isAbsentInNft(error)) throw error;
      throw new XnetError(
        'NOT_FOUND',
        `the nft table netdev ${this.name} is not whole: ${errorMessage(error)}`,
      );
    }
  }

  async #read(): Promise<TableState | undefined> {
    const objects = await listNftTable(this.host.namespace.name, `netdev ${this.name}`);
    return objects && parseTable(objects);
  }
}

/** Right whether it is there or not. */
function removalOf(table: string): string[] {
  return [`add table netdev ${table}`, `delete table netdev ${table}`];
}
