/**
 * Measures all of `names` once a round, after one round that does not count. The order changes from round to round,
 * so that none always comes after the same other.
 */
export async function alternate<Name extends string, Sample = number>(
  rounds: number,
  names: readonly Name[],
  measure: (name: Name) => Promise<Sample>,
): Promise<Record<Name, Sample[]>> {
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<Name, Sample[]>;
  for (const name of names) await measure(name);
  for (let round = 0; round < rounds; round += 1) {
    for (const name of orderOf(round, names)) samples[name].push(await measure(name));
  }
  return samples;
}

function orderOf<Name>(round: number, names: readonly Name[]): Name[] {
  const turn = Math.floor(round / 2) % names.length;
  const order = [...names.slice(turn), ...names.slice(0, turn)];
  return round % 2 === 0 ? order : order.reverse();
}
