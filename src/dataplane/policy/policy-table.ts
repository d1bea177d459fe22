import { isDeepStrictEqual } from 'node:util';
import { limitTo } from '../../concurrency/limit.js';
import { isXnetError, XnetError } from '../../errors.js';
import { RulesetGeneration } from '../../native/netfilter/netfilter.js';
import { readContents, readCounters, readTable } from '../../native/netfilter/nft-table.js';
import { changeElements } from '../../native/netfilter/set-elements.js';
import { TableChanges } from '../../native/netfilter/table-changes.js';
import { compareMaps } from '../changes.js';
import { namespaceName, namespacePath } from '../interface-names.js';
import { inodeOfNamespace } from '../iproute2/standing-programs.js';
import { applyNft, isAbsentInNft, runNft } from '../nft/nft.js';
import { elementLines } from '../routed/table-elements.js';
import type { NetworkRules } from './policies.js';
import { elementChanges, elementTexts } from './policy-elements.js';
import { readDenied, readPresent } from './read-policy-table.js';
import {
  chainsOf,
  elementsOf,
  hasChain,
  macsOf,
  NOTED_SETS,
  NOTHING,
  POLICY_TABLE,
  type Present,
  tableLines,
} from './table-layout.js';

const NAME = { family: 'bridge', table: POLICY_TABLE } as const;
const TABLE = `bridge ${POLICY_TABLE}`;

/** So that the process is not kept from all else for longer than a millisecond; `nft` takes more, in a process of its own. */
const MOST_BY_NETLINK = 200;
/** Between two looks at the whole table, where the kernel reports no change of it. */
const WHOLE_MS = 180_000;

type Elements = ReadonlyMap<string, string>;

/** What was written last. */
interface Written {
  readonly inode: number;
  readonly rules: NetworkRules;
  readonly lines: readonly string[];
  readonly chains: ReadonlyMap<string, string>;
  /** By MAC. */
  readonly elements: Map<string, Elements>;
  /** Of the table without its elements, as the kernel has it. */
  structure: string;
  /** Of the table, as it was written. */
  changes: number;
  /** Of the ruleset, and when, at the last look at the whole. */
  generation: number | undefined;
  lookedMs: number;
}

interface Watched extends Disposable {
  readonly inode: number;
  readonly changes: TableChanges;
  readonly ruleset: RulesetGeneration;
}

/**
 * The nft table of one network's policies, and whether it is as it was written: the kernel reports each change, and what others have not touched is
 * not read. A change of policies is one transaction, in which no frame meets half of it; a container that comes or goes is an element of
 * a set or two, whatever else the network has.
 */
export class PolicyTable implements Disposable {
  readonly #limit = limitTo(1);
  readonly #namespace: string;
  readonly #path: string;
  #written: Written | undefined;
  /** Of the namespace that has this inode. */
  #watched: Watched | undefined;

  constructor(
    networkId: string,
    private readonly onDoubt: () => void,
  ) {
    this.#namespace = namespaceName(networkId);
    this.#path = namespacePath(this.#namespace);
  }

  /** As PolicyDevice.set. */
  set(rules: NetworkRules | undefined, changed?: ReadonlySet<string>): Promise<boolean | 'absent'> {
    return this.#limit(async () => {
      const inode = inodeOfNamespace(this.#namespace);
      if (inode === undefined) this.#forget();
      if (inode === undefined) return 'absent';
      if (!rules) return await this.#remove();
      const watched = this.#watch(inode);
      const former = this.#written?.inode === inode ? this.#written : undefined;
      const isRight = former !== undefined && this.#isAsWritten(former, watched);
      if (isRight) await this.#change(former, watched, rules, changed);
      else await this.#write(rules, watched);
      return former !== undefined && !isRight;
    });
  }

  /** As PolicyDevice.isInForce. */
  isInForce(): boolean {
    const [written, watched] = [this.#written, this.#watched];
    if (!written || !watched || written.inode !== inodeOfNamespace(this.#namespace)) return false;
    return watched.changes.count() === written.changes;
  }

  /** None without a table. Throws KERNEL. */
  count(): Map<string, number> {
    return this.#written ? readCounters(this.#path, NAME) : new Map();
  }

  async listDenied() {
    if (!this.#written) return [];
    const words = ['-j', 'list', 'set', 'bridge', POLICY_TABLE, 'denied'];
    const text = await runNft(this.#namespace, words).catch(noneIfAbsent);
    return text === undefined ? [] : readDenied(text);
  }

  [Symbol.dispose](): void {
    this.#forget();
  }

  async #remove(): Promise<boolean> {
    this.#forget();
    if (readTable(this.#path, NAME, NOTED_SETS) === undefined) return false;
    await applyNft(this.#namespace, [`add table ${TABLE}`, `delete table ${TABLE}`]);
    return false;
  }

  /** From what is in force to `rules`. */
  async #change(
    former: Written,
    watched: Watched,
    rules: NetworkRules,
    changed?: ReadonlySet<string>,
  ): Promise<void> {
    if (former.rules === rules) {
      const macs = [...(changed ?? [])];
      if (macs.every((mac) => hasChain(rules, former.chains, mac)))
        return await this.#changeElements(former, watched, macs);
    }
    const lines = tableLines(rules, NOTHING);
    if (!isDeepStrictEqual(lines, former.lines)) return await this.#write(rules, watched);
    const macs = new Set([...former.elements.keys(), ...macsOf(rules)]);
    await this.#changeElements({ ...former, rules }, watched, [...macs]);
  }

  /** Of these MACs. */
  async #changeElements(written: Written, { changes }: Watched, macs: readonly string[]): Promise<void> {
    const { rules, chains, elements } = written;
    const now = new Map(macs.map((mac) => [mac, elementsOf(rules, chains, mac)]));
    const differences = macs.flatMap((mac) => compareMaps(elements.get(mac) ?? NONE, now.get(mac) ?? NONE));
    this.#written = undefined;
    if (differences.length > MOST_BY_NETLINK)
      await applyNft(this.#namespace, elementLines(TABLE, differences));
    else changeElements(this.#path, elementChanges(differences));
    for (const [mac, each] of now)
      if (each.size > 0) elements.set(mac, each);
      else elements.delete(mac);
    if (differences.length > 0) written.changes += 1;
    this.#written = written;
    // Its own change is not reported to the listener, so that of others in between would not be either.
    if (changes.count() !== written.changes) this.onDoubt();
  }

  async #write(rules: NetworkRules, watched: Watched): Promise<void> {
    this.#written = undefined;
    const lines = tableLines(rules, NOTHING);
    const chains = chainsOf(rules);
    const elements = new Map<string, Elements>(
      [...macsOf(rules)].map((mac) => [mac, elementsOf(rules, chains, mac)]),
    );
    const differences = compareMaps(NONE, new Map([...elements.values()].flatMap((each) => [...each])));
    const change = tableLines(rules, await this.#readPresent());
    const before = watched.changes.count();
    await applyNft(this.#namespace, [...change, ...elementLines(TABLE, differences)]);
    const generation = watched.ruleset.read();
    const contents = readContents(this.#path, NAME, NOTED_SETS);
    if (contents === undefined)
      throw new XnetError(
        'KERNEL',
        `the nft table ${TABLE} of namespace ${this.#namespace} is gone as soon as it is set: find the program that flushes nftables there`,
      );
    const { structure } = contents;
    const { inode } = watched;
    const kept = { inode, rules, lines, chains, elements, structure };
    this.#written = { ...kept, changes: before + 1, generation, lookedMs: performance.now() };
    if (watched.changes.count() !== before + 1) this.onDoubt();
  }

  #isAsWritten(written: Written, { changes, ruleset }: Watched): boolean {
    const count = changes.count();
    const isUntouched = count === written.changes;
    if (isUntouched && performance.now() - written.lookedMs < WHOLE_MS) return true;
    const generation = ruleset.read();
    if (!isUntouched || generation === undefined || generation !== written.generation) {
      const contents = readContents(this.#path, NAME, NOTED_SETS);
      if (contents?.structure !== written.structure) return false;
      const elements = elementTexts([...written.elements.values()].flatMap((each) => [...each]));
      if (compareMaps(contents.elements, elements).length > 0) return false;
    }
    Object.assign(written, { changes: count, generation, lookedMs: performance.now() });
    return true;
  }

  async #readPresent(): Promise<Present> {
    const words = ['-j', '-t', 'list', 'table', 'bridge', POLICY_TABLE];
    const text = await runNft(this.#namespace, words).catch(noneIfAbsent);
    return text === undefined ? NOTHING : readPresent(text);
  }

  #watch(inode: number): Watched {
    if (this.#watched?.inode === inode) return this.#watched;
    this.#forget();
    const changes = new TableChanges(this.#path, NAME, () => this.onDoubt());
    const ruleset = new RulesetGeneration(this.#path);
    const dispose = () => {
      changes[Symbol.dispose]();
      ruleset[Symbol.dispose]();
    };
    this.#watched = { inode, changes, ruleset, [Symbol.dispose]: dispose };
    return this.#watched;
  }

  #forget(): void {
    this.#written = undefined;
    this.#watched?.[Symbol.dispose]();
    this.#watched = undefined;
  }
}

const NONE: Elements = new Map();

function noneIfAbsent(error: unknown): undefined {
  if (!isAbsentInNft(error) && !isXnetError(error, 'NOT_FOUND')) throw error;
}
