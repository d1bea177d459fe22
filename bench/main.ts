/** The benchmarks: makes the lab, runs the sections, writes the report. bench/run starts it and clears up after it. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { measureClosed } from './closed.js';
import type { Figure } from './figures.js';
import { measureLoad } from './load.js';
import { measureLookups } from './lookups.js';
import { measureMemory } from './memory.js';
import { measureNames } from './names.js';
import { measurePath } from './path.js';
import { measurePolicy } from './policy.js';
import { describeMachine, formatReport } from './report.js';
import { measureSources } from './sources.js';
import { measureStart } from './start.js';
import { measureLatency, measurePackets, measureThroughput } from './traffic.js';
import { makeWorld, type World } from './world.js';

interface Section {
  measure(world: World, size: number): Promise<Figure[]>;
  /** Rounds (for lookups: seconds; for memory: endpoints), in full and with --quick. */
  readonly full: number;
  readonly quick: number;
}

/** In the order in which they run: memory leaves its containers behind. */
const SECTIONS: Readonly<Record<string, Section>> = {
  throughput: { measure: measureThroughput, full: 12, quick: 2 },
  latency: { measure: measureLatency, full: 30, quick: 2 },
  packets: { measure: measurePackets, full: 6, quick: 1 },
  sources: { measure: measureSources, full: 40, quick: 2 },
  start: { measure: measureStart, full: 30, quick: 3 },
  closed: { measure: measureClosed, full: 30, quick: 3 },
  path: { measure: measurePath, full: 100, quick: 5 },
  policy: { measure: measurePolicy, full: 60, quick: 8 },
  names: { measure: measureNames, full: 60, quick: 4 },
  lookups: { measure: measureLookups, full: 60, quick: 4 },
  load: { measure: measureLoad, full: 6, quick: 1 },
  memory: { measure: measureMemory, full: 200, quick: 20 },
};

const RESULTS = 'bench/RESULTS.md';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean', default: false }, out: { type: 'string' } },
  });
  const unknown = positionals.find((name) => !(name in SECTIONS));
  if (unknown) throw new Error(`no section "${unknown}"; there are: ${Object.keys(SECTIONS).join(' ')}`);
  const started = performance.now();
  const world = await timed('the lab, a swarm, a pair of containers on each network', makeWorld);
  const figures: Figure[] = [];
  for (const [name, { measure, full, quick }] of Object.entries(SECTIONS)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    figures.push(...(await timed(name, () => measure(world, values.quick ? quick : full))));
  }
  const report = formatReport(
    await describeMachine(world),
    figures,
    performance.now() - started,
    world.leftOut,
  );
  console.log(report);
  const isWhole = positionals.length === 0 && !values.quick;
  const file = values.out ?? (isWhole ? RESULTS : undefined);
  if (file) await writeFile(file, report);
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  process.stderr.write(`${what} ... `);
  const result = await work();
  process.stderr.write(`${Math.round((performance.now() - started) / 1000)} s\n`);
  return result;
}

await main().catch((error: unknown) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
