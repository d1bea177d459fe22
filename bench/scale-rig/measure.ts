/** One run: a daemon is started in the cluster, and measured in each situation in turn. */
import { median } from '../statistics.js';
import { countWrong, measureArrival } from './arrival.js';
import { measureBig } from './big-network.js';
import { passingEndpoints, passingHosts } from './cluster/changes.js';
import type { PlannedHost, PlannedNetwork } from './cluster/records.js';
import { measureCommands } from './commands.js';
import { changing } from './cost.js';
import type { Measured } from './figures.js';
import { type Attached, startContainer } from './host/containers.js';
import { type Contestant, MeasuredHost } from './host/measured-host.js';
import { type Rate, rateOf, readUsage, residentMb } from './host/usage.js';
import { type Rig, sleep, sum } from './rig.js';

/** Changes a second. */
const OWN_PER_SECOND = 10;
const HOSTS_PER_SECOND = 2;

/**
 * Adds what it measures to `figures`, step by step. Rejects when the daemon does not become ready, or a change does not
 * arrive.
 */
export async function measureRun(
  rig: Rig,
  contestant: Contestant,
  host: PlannedHost,
  figures: Record<string, number>,
): Promise<void> {
  rig.say(`${contestant.name}: starts with nothing on disk`);
  await using measured = await MeasuredHost.start(contestant, host, rig.plan.all, rig.place);
  const add = (more: Measured) => void Object.assign(figures, more);
  try {
    add(await measureColdStart(measured));
    await measureRunning(rig, contestant, measured, add);
  } finally {
    add({ stateBytes: await measured.stateBytes(), absences: await measured.countAbsences() });
  }
}

async function measureRunning(
  rig: Rig,
  contestant: Contestant,
  measured: MeasuredHost,
  add: (figures: Measured) => void,
): Promise<void> {
  const { plan, pace, say } = rig;
  const own = plan.networks.slice(0, plan.size.ownNetworks);
  say('starts a container in each own network');
  const containers: Attached[] = [];
  for (const network of own) containers.push(await startContainer(measured, network));
  add({ startMs: median(containers.map(({ times }) => sum(Object.values(times)))) });
  await sleep(pace.settleMs);
  say('starts anew, by what is on disk');
  add(await measureWarmStart(measured));
  await sleep(pace.settleMs);
  say('asks as people do');
  add(await measureCommands(contestant, measured));
  await sleep(pace.settleMs);
  say('idles');
  const idle = await measureIdle(rig, measured);
  add({ idleCpuMs: idle.cpuMs, idleBytes: idle.bytes, ...memoryOf(measured) });
  add(await measureChanges(rig, measured, own, idle));
  say('how soon endpoints are in kernel and DNS');
  add(await measureArrival(rig, measured, containers));
  add({ wrong: await countWrong(rig, measured, own) });
  if (!plan.big) return;
  say(`a network of ${plan.size.big} endpoints`);
  await measureBig(rig, measured, plan.big, idle, add);
}

async function measureColdStart(measured: MeasuredHost): Promise<Measured> {
  const readyColdMs = await measured.ready();
  const { cpuMs: cpuColdMs, receivedBytes: bytesCold } = readUsage(measured.daemon.keeperPid);
  return { readyColdMs, cpuColdMs, bytesCold, delayColdMs: await measured.endProbe() };
}

async function measureWarmStart(measured: MeasuredHost): Promise<Measured> {
  const before = readUsage(measured.daemon.keeperPid);
  await measured.restart();
  const readyWarmMs = await measured.ready();
  const after = readUsage(measured.daemon.keeperPid);
  const bytesWarm = after.receivedBytes - before.receivedBytes;
  return { readyWarmMs, bytesWarm, delayWarmMs: await measured.endProbe() };
}

async function measureIdle({ pace }: Rig, measured: MeasuredHost): Promise<Rate> {
  const before = readUsage(measured.daemon.keeperPid);
  await sleep(pace.idleMs);
  return rateOf(before, readUsage(measured.daemon.keeperPid));
}

function memoryOf({ daemon }: MeasuredHost): Measured {
  return { daemonMb: residentMb(daemon.daemonPid ?? 0), keeperMb: residentMb(daemon.keeperPid) };
}

async function measureChanges(
  rig: Rig,
  measured: MeasuredHost,
  own: readonly PlannedNetwork[],
  idle: Rate,
): Promise<Measured> {
  const { etcd, signs, plan, say } = rig;
  say('changes in own networks');
  const inOwn = await changing(rig, measured, idle, passingEndpoints(etcd, plan, own), OWN_PER_SECOND);
  const foreign = plan.networks.slice(own.length);
  const inForeign = foreign.length > 0 ? await measureForeignChanges(rig, measured, foreign, idle) : {};
  say('hosts that go and come');
  measured.signalProbe();
  const ofHosts = await changing(rig, measured, idle, passingHosts(etcd, signs, plan), HOSTS_PER_SECOND);
  const hosts = { hostChangeMs: ofHosts.perChangeMs, delayHostsMs: await measured.endProbe() };
  return { ownChangeMs: inOwn.perChangeMs, ...inForeign, ...hosts };
}

async function measureForeignChanges(
  rig: Rig,
  measured: MeasuredHost,
  foreign: readonly PlannedNetwork[],
  idle: Rate,
): Promise<Measured> {
  const { etcd, plan, pace, say } = rig;
  say('changes in foreign networks');
  const changes = passingEndpoints(etcd, plan, foreign);
  const { perChangeMs, cpuMs, bytes } = await changing(rig, measured, idle, changes, pace.foreignPerSecond);
  return { foreignChangeMs: perChangeMs, foreignCpuMs: cpuMs - idle.cpuMs, foreignBytes: bytes };
}
