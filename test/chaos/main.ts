/** The command behind test/chaos/run: seeds, or the soak. */
import { parseArgs } from 'node:util';
import { kindsWithout } from './operations/all.js';
import { runSeed, STEPS } from './seed.js';
import { soak } from './soak.js';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      steps: { type: 'string', default: String(STEPS) },
      without: { type: 'string', default: '' },
      soak: { type: 'boolean', default: false },
      starts: { type: 'string', default: '5000' },
    },
  });
  const { signal } = endedBySignals();
  if (values.soak) return soak(parseNumber('starts', values.starts), say, signal);
  const steps = parseNumber('steps', values.steps);
  const without = values.without.split(',').filter(Boolean);
  // What it says of a name that there is not is the list of all.
  kindsWithout(without);
  const failed: number[] = [];
  for (const seed of seedsOf(values)) {
    if (signal.aborted) break;
    say(`seed ${seed}`);
    const started = performance.now();
    await runSeed({ seed, steps, without, say, signal }).then(
      () => say(`seed ${seed}: passed in ${Math.round((performance.now() - started) / 1000)} s`),
      (error: Error) => {
        say(error.message);
        failed.push(seed);
      },
    );
  }
  if (failed.length > 0) throw new Error(`failed: seeds ${failed.join(' ')}`);
}

/** Told to end, it takes the lab down first. */
function endedBySignals(): AbortController {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => controller.abort(new Error(`ended by ${signal}`)));
  return controller;
}

/** `--seed 17` is that one, `--seeds 20` are 1 to 20, `--seeds 5-9` those. */
function seedsOf({ seed, seeds = '3' }: { seed?: string; seeds?: string }): number[] {
  if (seed !== undefined) return [parseNumber('seed', seed)];
  const [first = '1', last = ''] = seeds.includes('-') ? seeds.split('-') : ['1', seeds];
  const from = parseNumber('seeds', first);
  return Array.from({ length: parseNumber('seeds', last) - from + 1 }, (_, index) => from + index);
}

function parseNumber(option: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`--${option} ${text}: must be a whole number`);
}

function say(line: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
}

await main().catch((error: unknown) => {
  console.error(`chaos: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
