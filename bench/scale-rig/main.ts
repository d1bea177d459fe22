/** The scale rig: makes a cluster of the wanted size in a real etcd, and measures a host of it. bench/scale starts it, in namespaces of its own. */
import { appendFile, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RigEtcd } from './cluster/etcd.js';
import { fillCluster } from './cluster/fill.js';
import { planCluster } from './cluster/plan.js';
import type { PlannedHost } from './cluster/records.js';
import { SignsOfLife } from './cluster/signs-of-life.js';
import { startCompanions } from './companions.js';
import { findFaults } from './faults.js';
import type { Contestant } from './host/measured-host.js';
import { measureRun } from './measure.js';
import { parseOptions, type RigOptions } from './options.js';
import { formatMarkdown, makeReport, type Run } from './report.js';
import type { Rig } from './rig.js';
import { makeWire } from './wire.js';

/** etcd builds whole answers in memory, also those that a daemon has given up: this machine must outlive it. */
const MOST_ETCD_MB = 8_000;
/** Of the bridge to which the hosts are connected; outside of the hosts' own addresses. */
const ETCD = '198.19.255.254';

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const contestants = contestantsOf(options);
  const plan = planCluster(options.size, contestants.length * options.rounds * options.daemons);
  await makeWire(ETCD, plan.others);
  await using etcd = await RigEtcd.start(await mkdtemp(join(tmpdir(), 'xnet-rig-etcd-')), `${ETCD}:2379`);
  const filled = await fillCluster(etcd, plan, say);
  const filledMb = await etcd.residentMb();
  const { profiles, readyMs } = options;
  const place = { store: etcd.address, gateway: ETCD, profiles, readyMs, check: () => checkMemory(etcd) };
  using signs = await SignsOfLife.of(etcd, plan.others);
  const rig: Rig = { etcd, plan, signs, place, pace: options.pace, say };
  const runs = await measureAll(rig, contestants, options);
  const figures = { version: etcd.version, filled, filledMb, residentMb: await etcd.residentMb() };
  const report = await makeReport(options, figures, runs);
  const text = formatMarkdown(report);
  console.log(text);
  if (options.out !== undefined) await appendFile(options.out, `\n${text}`);
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  const faults = runs.flatMap(findFaults);
  for (const fault of faults) console.error(`bench/scale: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

/** Round by round, in changing order, each with hosts of its own. */
async function measureAll(
  rig: Rig,
  contestants: readonly Contestant[],
  { rounds, daemons }: RigOptions,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? contestants : [...contestants].reverse();
    for (const contestant of order) {
      const first = runs.length * daemons;
      runs.push(await measureOne(rig, contestant, rig.plan.measured.slice(first, first + daemons)));
    }
  }
  return runs;
}

/** A run that fails is a result, too. */
async function measureOne(
  rig: Rig,
  { name, program }: Contestant,
  hosts: readonly PlannedHost[],
): Promise<Run> {
  const figures: Record<string, number> = {};
  const [host, ...others] = hosts;
  if (!host) throw new Error('a run needs a host');
  try {
    await using _companions = await startCompanions(rig, { name, program }, others);
    await measureRun(rig, { name, program }, host, figures);
    return { contestant: name, figures };
  } catch (error: unknown) {
    return { contestant: name, figures, failure: error instanceof Error ? error.message : `${error}` };
  }
}

async function checkMemory(etcd: RigEtcd): Promise<void> {
  const mb = Math.round(await etcd.residentMb());
  if (mb > MOST_ETCD_MB) throw new Error(`etcd has ${mb} MB of memory, for what the daemon reads`);
}

function contestantsOf({ against }: RigOptions): Contestant[] {
  const own = { name: 'this tree', program: 'bin/xnet' };
  if (against === undefined) return [own];
  return [own, { name: against.commit, program: join(against.directory, 'bin/xnet') }];
}

function say(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
}

await main().catch((error: unknown) => {
  console.error(`bench/scale: ${error instanceof Error ? error.stack : error}`);
  process.exitCode = 1;
});
process.exit();
