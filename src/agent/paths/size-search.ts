/** Finds the largest packet that passes, by packets of several sizes at a time. Pure. */

/** Of one round. Four rounds are enough for all sizes up to 1,500 bytes, six for all there are. */
const SIZES_A_ROUND = 8;

export class SizeSearch {
  /** Packets of `passes` bytes pass, those of `fails` do not. */
  constructor(
    private passes: number,
    private fails: number,
  ) {}

  /** The sizes of the next round; none: the search is over. */
  get sizes(): readonly number[] {
    const between = this.fails - this.passes - 1;
    const count = Math.min(SIZES_A_ROUND, between);
    return Array.from({ length: count }, (_, index) => {
      return this.passes + Math.ceil(((index + 1) * between) / count);
    });
  }

  /** `answered`: of the sizes of the last round. */
  note(answered: ReadonlySet<number>): void {
    const { sizes } = this;
    const largest = sizes.findLast((size) => answered.has(size)) ?? this.passes;
    // One that is lost below the largest that passes was lost for another reason.
    this.fails = sizes.find((size) => size > largest) ?? this.fails;
    this.passes = largest;
  }

  /** The largest that is known to pass. */
  get largest(): number {
    return this.passes;
  }
}
