/**
 * Properties of what comes from others: tried with inputs of chance (in a test run always the same), and with those of the corpus, which have once shown a fault. A
 * failure names the least input that shows it, and the seed; both belong in the corpus then, `corpus/NAME.json`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { test } from '@jest/globals';
import fc from 'fast-check';

/** TEST_FUZZ_SECONDS: each property is tried for so long (`npm run fuzz`). Absent: as often as it says. */
const SECONDS = Number(process.env.TEST_FUZZ_SECONDS ?? 0);
const MOST_SECONDS = 120;
/** A test run has the same inputs each time: what is new in it is what failed it. Inputs of chance are for `npm run fuzz`. */
const SEED = 45;

export interface Fuzz<Inputs extends [unknown, ...unknown[]]> {
  /** How often in a test run: all together take some 20 s there. */
  readonly runs: number;
  /** Name of its file there: a list of lists of inputs. Bytes are a text `hex:00ff`. */
  readonly corpus?: string;
  readonly inputs: { readonly [Index in keyof Inputs]: fc.Arbitrary<Inputs[Index]> };
}

export function fuzz<Inputs extends [unknown, ...unknown[]]>(
  title: string,
  { runs, corpus, inputs }: Fuzz<Inputs>,
  holds: (...inputs: Inputs) => unknown,
): void {
  const bounds =
    SECONDS > 0 ? { numRuns: 1e9, interruptAfterTimeLimit: SECONDS * 1000 } : { numRuns: runs, seed: SEED };
  const property = fc.asyncProperty(fc.tuple(...inputs), async (given) => {
    await holds(...(given as Inputs));
  });
  const examples = corpus === undefined ? [] : readCorpus<Inputs>(corpus).map((each): [Inputs] => [each]);
  test(
    title,
    () => fc.assert(property, { ...bounds, examples: examples as never, endOnFailure: false }),
    (SECONDS + MOST_SECONDS) * 1000,
  );
}

function readCorpus<Inputs>(name: string): Inputs[] {
  const file = new URL(`corpus/${name}.json`, import.meta.url);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8'), revived) : [];
}

function revived(_key: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('hex:') ? Buffer.from(value.slice(4), 'hex') : value;
}
