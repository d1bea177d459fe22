import { isXnetError } from '../../errors.js';
import { RulesetGeneration } from '../../native/netfilter/netfilter.js';

/** The generation of the host's nftables, by one socket that is opened when it is first read. */
export class HostRuleset implements Disposable {
  #ruleset: RulesetGeneration | undefined;

  /** `path`: of the namespace; undefined: this process's own. */
  constructor(private readonly path: string | undefined) {}

  /** Undefined where the kernel gives none: then what is compared has to be read. */
  read(): number | undefined {
    try {
      this.#ruleset ??= new RulesetGeneration(this.path);
      return this.#ruleset.read();
    } catch (error: unknown) {
      if (isXnetError(error)) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#ruleset?.[Symbol.dispose]();
    this.#ruleset = undefined;
  }
}
