import type { Logger } from './logger.js';

/** Something that was not as it should be, and is again. */
export interface LoggedRepair {
  readonly kind: string;
  readonly object: string;
  readonly was: string;
}

/** One line in the log for each repair, and how many there were of each kind since the daemon's start. */
export class RepairLog {
  readonly #counts = new Map<string, number>();

  constructor(private readonly logger: Logger) {}

  /** `where`: the network that they are of, if of one. */
  note(repairs: readonly LoggedRepair[], where: { readonly network?: string } = {}): void {
    for (const { kind, object, was } of repairs) {
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
      this.logger.warn('repaired what somebody had altered', { kind, ...where, object, was });
    }
  }

  /** Kind -> number. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
