/** What the other hosts do: containers come, get names and go; hosts go and come back. Each is one commit, as xnet makes it. */
import type { RigEtcd } from './etcd.js';
import { type ClusterPlan, PROBE_NAME } from './plan.js';
import {
  boundAddressWrites,
  endpointRemovals,
  endpointWrites,
  hostWrites,
  type PlannedEndpoint,
  type PlannedHost,
  type PlannedNetwork,
  restingAddressWrites,
} from './records.js';
import type { SignsOfLife } from './signs-of-life.js';

const TICK_MS = 10;
/** Of a network, in turn. */
const PASSING = 8;

/** One commit of a series; the series is where it began after each `period` of them. */
export type Change = { readonly period: number; make(): Promise<void> };

/** One endpoint of another host. */
export class PassingEndpoint {
  private constructor(
    private readonly etcd: RigEtcd,
    readonly endpoint: PlannedEndpoint,
  ) {}

  /** `number`: among those that the plan does not have in the network. */
  static of(etcd: RigEtcd, plan: ClusterPlan, network: PlannedNetwork, number: number): PassingEndpoint {
    const endpoint = plan.endpointOf(network, plan.countOf(network) + number);
    const names = { ...endpoint.names, names: [...endpoint.names.names, PROBE_NAME] };
    return new PassingEndpoint(etcd, { ...endpoint, names });
  }

  come(named = false): Promise<void> {
    const record = endpointWrites(this.endpoint, { named });
    return this.etcd.commit([...record, ...boundAddressWrites(this.endpoint)]);
  }

  publish(): Promise<void> {
    return this.etcd.commit(endpointWrites(this.endpoint, { named: true }));
  }

  go(): Promise<void> {
    return this.etcd.commit([...endpointRemovals(this.endpoint), ...restingAddressWrites(this.endpoint)]);
  }
}

/** Endpoints that come, get names and go, in these networks in turn. Without end. */
export function* passingEndpoints(
  etcd: RigEtcd,
  plan: ClusterPlan,
  networks: readonly PlannedNetwork[],
): Generator<Change, undefined> {
  const period = 3;
  for (let round = 0; networks.length > 0; round += 1) {
    const network = networks[round % networks.length] as PlannedNetwork;
    const passing = PassingEndpoint.of(etcd, plan, network, Math.floor(round / networks.length) % PASSING);
    yield { period, make: () => passing.come() };
    yield { period, make: () => passing.publish() };
    yield { period, make: () => passing.go() };
  }
  return undefined;
}

/** Hosts that fall silent, and come back with another version. Without end. */
export function* passingHosts(
  etcd: RigEtcd,
  signs: SignsOfLife,
  plan: ClusterPlan,
): Generator<Change, undefined> {
  const period = 3;
  for (let round = 0; plan.others.length > 0; round += 1) {
    const host = plan.others[round % plan.others.length] as PlannedHost;
    yield { period, make: () => signs.go(host) };
    yield { period, make: () => etcd.commit(hostWrites(host, `0.1.${round}`)) };
    yield { period, make: () => signs.come(host) };
  }
  return undefined;
}

/** One after the other, for so long, and to the end of a period. Resolves to their number. */
export async function makeChanges(
  changes: Iterator<Change>,
  perSecond: number,
  durationMs: number,
): Promise<number> {
  const begunMs = performance.now();
  for (let made = 0; ; made += 1) {
    const { value: change, done } = changes.next();
    if (done) return made;
    if (made % change.period === 0 && made >= (perSecond * durationMs) / 1000) return made;
    while (performance.now() - begunMs < (made * 1000) / perSecond)
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    await change.make();
  }
}
