/** A network of many endpoints: the first container of this host joins it, and reaches the last of the others. */
import { run } from '../../test/support/programs/command.js';
import { countWrong, measureArrival } from './arrival.js';
import { passingEndpoints } from './cluster/changes.js';
import { macOf, type PlannedEndpoint, type PlannedNetwork } from './cluster/records.js';
import { changing } from './cost.js';
import type { Measured } from './figures.js';
import { type Attached, startContainer } from './host/containers.js';
import type { MeasuredHost } from './host/measured-host.js';
import { type Rate, residentMb } from './host/usage.js';
import { tunnelsOf } from './host/watches.js';
import { type Rig, sleep } from './rig.js';

const PEER = 'peer';
const COMPLETE_MS = 120_000;
/** Changes. */
const PER_SECOND = 10;

/** As `measureRun`, step by step. */
export async function measureBig(
  rig: Rig,
  measured: MeasuredHost,
  network: PlannedNetwork,
  idle: Rate,
  add: (figures: Measured) => void,
): Promise<void> {
  const { plan, etcd, pace } = rig;
  const last = lastOf(plan.endpointsOf(network));
  await using _peer = await startPeer(last, measured.host.vtep);
  measured.signalProbe();
  const container = await startContainer(measured, network);
  const attachedMs = performance.now();
  const { RequestAddress, CreateEndpoint, Join } = container.times;
  add({ bigStartMs: RequestAddress + CreateEndpoint + Join, bigJoinMs: Join });
  add({ bigReachedMs: (await reached(container, last.address)) - attachedMs });
  add({ bigCompleteMs: (await complete(measured, network, plan.size.big)) - attachedMs });
  add({ bigJoinDelayMs: await measured.endProbe() });
  await sleep(pace.settleMs);
  const cost = await changing(rig, measured, idle, passingEndpoints(etcd, plan, [network]), PER_SECOND);
  add({ bigChangeMs: cost.perChangeMs });
  const arrival = await measureArrival(rig, measured, [container]);
  add(Object.fromEntries(Object.entries(arrival).map(([id, value]) => [bigOf(id), value])));
  add({ bigDaemonMb: residentMb(measured.daemon.daemonPid ?? 0) });
  add({ bigWrong: await countWrong(rig, measured, [network]) });
}

/** `bigDelayMs` for `delayMs`. */
function bigOf(id: string): string {
  return `big${id.charAt(0).toUpperCase()}${id.slice(1)}`;
}

/** The one that comes last, by its key. */
function lastOf(endpoints: Iterable<PlannedEndpoint>): PlannedEndpoint {
  const [first, ...rest] = [...endpoints];
  if (!first) throw new Error('the network has no endpoints');
  return rest.reduce((last, each) => (each.id > last.id ? each : last), first);
}

/** The endpoint's host, in a namespace of its own with a tunnel to the measured host: what is sent to the endpoint is answered. */
async function startPeer(endpoint: PlannedEndpoint, towards: string): Promise<AsyncDisposable> {
  const { host, network, address } = endpoint;
  const lines = [
    `addr add ${host.vtep}/32 dev wire`,
    `netns add ${PEER}`,
    `link add peer0 address ${macOf(endpoint)} type vxlan id ${network.vni} dstport 4789 local ${host.vtep} remote ${towards}`,
    `link set peer0 netns ${PEER}`,
    `-n ${PEER} addr add ${address}/16 dev peer0`,
    `-n ${PEER} link set peer0 mtu 1450 up`,
  ];
  for (const line of lines) await run(['ip', ...line.split(' ')]);
  const remove = [`netns del ${PEER}`, `addr del ${host.vtep}/32 dev wire`];
  return {
    [Symbol.asyncDispose]: async () => {
      for (const line of remove) await run(['ip', ...line.split(' ')]);
    },
  };
}

/** When the first ping was answered. */
async function reached({ namespacePath }: Attached, address: string): Promise<number> {
  const ping = ['ping', '-n', '-c', '1', '-W', '0.2', address];
  const end = performance.now() + COMPLETE_MS;
  while (performance.now() < end) {
    const isAnswered = await run(['nsenter', `--net=${namespacePath}`, ...ping]).then(
      () => true,
      () => false,
    );
    if (isAnswered) return performance.now();
  }
  throw new Error(`${address} does not answer`);
}

/** When the kernel has had entries for all of them. */
async function complete(measured: MeasuredHost, network: PlannedNetwork, endpoints: number): Promise<number> {
  const end = performance.now() + COMPLETE_MS;
  while (performance.now() < end) {
    if ((await tunnelsOf(measured.namespaceOf(network))).size >= endpoints) return performance.now();
    await sleep(50);
  }
  throw new Error(`the kernel does not have all ${endpoints} endpoints of ${network.name}`);
}
