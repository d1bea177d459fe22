/** Writes a planned cluster to etcd, kind by kind. */
import type { Write } from '../../../src/store/store.js';
import type { Filled, RigEtcd } from './etcd.js';
import type { ClusterPlan } from './plan.js';
import {
  bindingWrites,
  boundAddressWrites,
  endpointWrites,
  hostWrites,
  networkWrites,
  poolHoldWrites,
  poolWrites,
  reservedAddressWrites,
} from './records.js';

/** What has been written of each kind. `items`: hosts, networks, bindings and so on. */
export type FilledKinds = Readonly<Record<string, Filled & { readonly items: number }>>;

export async function fillCluster(
  etcd: RigEtcd,
  plan: ClusterPlan,
  say: (text: string) => void,
): Promise<FilledKinds> {
  const filled: Record<string, Filled & { items: number }> = {};
  for (const [kind, series] of Object.entries(kindsOf(plan))) {
    let items = 0;
    const counted = function* () {
      for (const writes of series()) {
        items += 1;
        yield* writes;
      }
    };
    const result = await etcd.fill(counted());
    filled[kind] = { ...result, items };
    say(
      `${items} ${kind} in ${(result.ms / 1000).toFixed(1)} s, ${megabytes(result.storedBytes)} MB in etcd`,
    );
  }
  return filled;
}

/** Each item of a series is what belongs to one host, network and so on. */
export function kindsOf(plan: ClusterPlan): Record<string, () => Generator<Write[]>> {
  const { measured, others, all, endpointsOf, reservedOf } = plan;
  const hosts = [...measured, ...others];
  const creator = others[0];
  if (!creator) throw new Error('a cluster has other hosts than the measured ones');
  return {
    *hosts() {
      for (const host of hosts) yield hostWrites(host);
    },
    *networks() {
      for (const network of all) yield [...networkWrites(network), ...poolWrites(network, creator)];
    },
    *bindings() {
      for (const network of all) for (const host of hosts) yield bindingWrites(network, host);
    },
    *holds() {
      for (const network of all) for (const host of hosts) yield poolHoldWrites(network, host);
    },
    *endpoints() {
      for (const network of all)
        for (const endpoint of endpointsOf(network)) yield endpointWrites(endpoint, { named: true });
    },
    *addresses() {
      for (const network of all) {
        for (const endpoint of endpointsOf(network)) yield boundAddressWrites(endpoint);
        for (const { host, address } of reservedOf(network))
          yield reservedAddressWrites(network, host, address);
      }
    },
  };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
