/** Medians and what lies around them. */

/** The value below which the share `fraction` of the samples lies (nearest rank). Throws without samples. */
export function quantile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(fraction * sorted.length));
  const value = sorted[rank - 1];
  if (value === undefined) throw new Error('no samples were taken');
  return value;
}

/** Of an even count the mean of the middle two. Throws without samples. */
export function median(samples: readonly number[]): number {
  return (
    (quantile(samples, 0.5) -
      quantile(
        samples.map((sample) => -sample),
        0.5,
      )) /
    2
  );
}

/** Round by round: what one side had divided by what the other had a moment apart, so that a machine's drift cancels out. */
export function pairedRatios(ours: readonly number[], theirs: readonly number[]): number[] {
  if (ours.length !== theirs.length) throw new Error(`${ours.length} rounds against ${theirs.length}`);
  return ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
}
