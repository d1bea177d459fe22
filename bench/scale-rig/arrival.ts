/** How soon a change elsewhere is known on the measured host, and whether all that came is there. */
import type { EndpointRecord } from '../../src/model/endpoint.js';
import { keys } from '../../src/model/keys.js';
import { median, quantile } from '../statistics.js';
import { PassingEndpoint } from './cluster/changes.js';
import { PROBE_NAME } from './cluster/plan.js';
import { macOf, type PlannedNetwork } from './cluster/records.js';
import type { Measured } from './figures.js';
import type { Attached } from './host/containers.js';
import type { MeasuredHost } from './host/measured-host.js';
import { answeredWith, EntryWatch, tunnelsOf } from './host/watches.js';
import { type Rig, sleep, sum } from './rig.js';

/** Numbers of the endpoints that are timed, among those that come and go: others than those of the changes before. */
const FIRST_TIMED = 16;
const TIMED = 32;
/** Until the watches see what comes. */
const BEGIN_MS = 200;
const BETWEEN_MS = 20;
const TRIES = 20;
const BETWEEN_TRIES_MS = 250;

/** In ms, of each timed endpoint; `lookups` of each look-up meanwhile. */
interface Arrivals {
  readonly entries: readonly number[];
  readonly names: readonly number[];
  readonly lookups: readonly number[];
}

/** From a commit's answer to the kernel's entry, and to an answer with the endpoint's address. */
export async function measureArrival(
  rig: Rig,
  measured: MeasuredHost,
  containers: readonly Attached[],
): Promise<Measured> {
  const watches = await Promise.all(
    containers.map(({ network }) => EntryWatch.start(measured.namespaceOf(network))),
  );
  try {
    await sleep(BEGIN_MS);
    measured.signalProbe();
    const { entries, names, lookups } = await timeArrivals(rig, containers, watches);
    return {
      ...{ entryMsMedian: median(entries), entryMsP99: quantile(entries, 0.99) },
      ...{ nameMsMedian: median(names), nameMsP99: quantile(names, 0.99) },
      ...{ lookupMsMedian: median(lookups), lookupMsP99: quantile(lookups, 0.99) },
      delayMs: await measured.endProbe(),
    };
  } finally {
    await Promise.all(watches.map((watch) => watch[Symbol.asyncDispose]()));
  }
}

/** One endpoint after the other, in the containers' networks in turn. */
async function timeArrivals(
  { etcd, plan, pace }: Rig,
  containers: readonly Attached[],
  watches: readonly EntryWatch[],
): Promise<Arrivals> {
  const [entries, names, lookups]: [number[], number[], number[]] = [[], [], []];
  for (let n = 0; n < pace.timed; n += 1) {
    const at = n % containers.length;
    const { network, namespacePath } = containers[at] as Attached;
    const number = FIRST_TIMED + (Math.floor(n / containers.length) % TIMED);
    const passing = PassingEndpoint.of(etcd, plan, network, number);
    const answered = answeredWith(namespacePath, PROBE_NAME, passing.endpoint.address);
    const begunAt = Date.now();
    await passing.come(true);
    const committedAt = Date.now();
    const entryAt = await (watches[at] as EntryWatch).addedAt(macOf(passing.endpoint), begunAt);
    const name = await answered;
    entries.push(Math.max(0, entryAt - committedAt));
    names.push(Math.max(0, name.at - committedAt));
    lookups.push(...name.lookupMs);
    await passing.go();
    await sleep(BETWEEN_MS);
  }
  return { entries, names, lookups };
}

/** Endpoints of other hosts, in these networks, that the kernel lacks, or has and etcd has not. */
export async function countWrong(
  { etcd }: Rig,
  measured: MeasuredHost,
  networks: readonly PlannedNetwork[],
): Promise<number> {
  const count = async (network: PlannedNetwork) => {
    const values = await etcd.list(keys.endpointsOf(network.id));
    const records = values.map((value): EndpointRecord => JSON.parse(value));
    const wanted = new Set(records.flatMap(({ hostId, mac }) => (hostId === measured.host.id ? [] : [mac])));
    const known = await tunnelsOf(measured.namespaceOf(network));
    return countOutside(wanted, known) + countOutside(known, wanted);
  };
  // The last change may be under way.
  for (let tries = 0; ; tries += 1) {
    const wrong = sum(await Promise.all(networks.map(count)));
    if (wrong === 0 || tries === TRIES) return wrong;
    await sleep(BETWEEN_TRIES_MS);
  }
}

function countOutside(some: ReadonlySet<string>, others: ReadonlySet<string>): number {
  return [...some].filter((each) => !others.has(each)).length;
}
