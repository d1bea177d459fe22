import { isDeepStrictEqual } from 'node:util';
import { limitTo } from '../../concurrency/limit.js';
import { isXnetError, XnetError } from '../../errors.js';
import { RulesetGeneration } from '../../native/netfilter/netfilter.js';
import { NftEvents } from '../../native/netfilter/nft-events.js';
import { readCounters, readTable } from '../../native/netfilter/nft-table.js';
import { compareMaps } from '../changes.js';
import { namespaceName, namespacePath } from '../interface-names.js';
import { inodeOfNamespace } from '../iproute2/standing-programs.js';
import { applyNft, isAbsentInNft, runNft } from '../nft/nft.js';
import { elementLines } from '../routed/table-elements.js';
import type { NetworkRules } from './policies.js';
import { readDenied, readPresent } from './read-policy-table.js';
import {
  NOTED_SETS,
  NOTHING,
  POLICY_TABLE,
  type Present,
  tableElements,
  tableLines,
} from './table-layout.js';

const NAME = { family: 'bridge', table: POLICY_TABLE } as const;
const TABLE = `bridge ${POLICY_TABLE}`;

/** What was written last, and what was read of the table then. */
interface Written {
  readonly inode: number;
  readonly rules: NetworkRules;
  readonly lines: readonly string[];
  readonly elements: Map<string, string>;
  text: string | undefined;
  /** At which the table was last seen to be as it was written. */
  generation: number | undefined;
}

/**
 * The nft table of one network's policies, and whether it is as it was written. A change of policies is one transaction, in which no frame meets
 * half of it; a container that comes or goes is an element of a set or two.
 */
export class PolicyTable implements Disposable {
  readonly #limit = limitTo(1);
  readonly #namespace: string;
  readonly #path: string;
  #written: Written | undefined;
  /** Of the namespace that has this inode. */
  #watched:
    | { readonly inode: number; readonly events: NftEvents; readonly ruleset: RulesetGeneration }
    | undefined;

  constructor(
    networkId: string,
    private readonly onDoubt: () => void,
  ) {
    this.#namespace = namespaceName(networkId);
    this.#path = namespacePath(this.#namespace);
  }

  /** As PolicyDevice.set. */
  set(rules: NetworkRules | undefined): Promise<boolean | 'absent'> {
    return this.#limit(async () => {
      const inode = inodeOfNamespace(this.#namespace);
      if (inode === undefined) this.#forget();
      if (inode === undefined) return 'absent';
      if (!rules) return await this.#remove();
      this.#watch(inode);
      const former = this.#written?.inode === inode ? this.#written : undefined;
      if (former?.rules === rules && this.#isAsWritten(former)) return false;
      const lines = tableLines(rules, NOTHING);
      const elements = tableElements(rules);
      const isRight = former !== undefined && this.#isAsWritten(former);
      if (isRight && isDeepStrictEqual(lines, former.lines))
        await this.#change({ ...former, rules }, elements);
      else
        await this.#write(rules, { inode, rules, lines, elements, text: undefined, generation: undefined });
      return former !== undefined && !isRight;
    });
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

  /** Of elements alone. */
  async #change(written: Written, elements: Map<string, string>): Promise<void> {
    const differences = compareMaps(written.elements, elements);
    this.#written = written;
    if (differences.length === 0) return;
    this.#written = undefined;
    await applyNft(this.#namespace, elementLines(TABLE, differences));
    this.#note({ ...written, elements });
  }

  async #write(rules: NetworkRules, written: Written): Promise<void> {
    this.#written = undefined;
    const differences = compareMaps(new Map<string, string>(), written.elements);
    const lines = tableLines(rules, await this.#readPresent());
    await applyNft(this.#namespace, [...lines, ...elementLines(TABLE, differences)]);
    this.#note(written);
  }

  #note(written: Written): void {
    // Read before the table: what comes in between makes for another look.
    const generation = this.#watched?.ruleset.read();
    const text = readTable(this.#path, NAME, NOTED_SETS);
    if (text === undefined)
      throw new XnetError(
        'KERNEL',
        `the nft table ${TABLE} of namespace ${this.#namespace} is gone as soon as it is set: find the program that flushes nftables there`,
      );
    this.#written = { ...written, text, generation };
  }

  #isAsWritten(written: Written): boolean {
    const generation = this.#watched?.ruleset.read();
    if (generation !== undefined && generation === written.generation) return true;
    if (readTable(this.#path, NAME, NOTED_SETS) !== written.text) return false;
    written.generation = generation;
    return true;
  }

  async #readPresent(): Promise<Present> {
    const words = ['-j', '-t', 'list', 'table', 'bridge', POLICY_TABLE];
    const text = await runNft(this.#namespace, words).catch(noneIfAbsent);
    return text === undefined ? NOTHING : readPresent(text);
  }

  #watch(inode: number): void {
    if (this.#watched?.inode === inode) return;
    this.#forget();
    const report = (table: string | undefined) => {
      if (table === undefined || table === TABLE) this.onDoubt();
    };
    const events = new NftEvents(this.#path, report);
    this.#watched = { inode, events, ruleset: new RulesetGeneration(this.#path) };
  }

  #forget(): void {
    this.#written = undefined;
    this.#watched?.events[Symbol.dispose]();
    this.#watched?.ruleset[Symbol.dispose]();
    this.#watched = undefined;
  }
}

function noneIfAbsent(error: unknown): undefined {
  if (!isAbsentInNft(error) && !isXnetError(error, 'NOT_FOUND')) throw error;
}
