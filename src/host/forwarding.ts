import { hostname } from 'node:os';
import type { Encryption } from '../agent/encryption/encryption.js';
import type { KeyChange } from '../agent/encryption/key-change.js';
import { listUnknownEncrypted } from '../agent/encryption/unknown-tunnels.js';
import { adoptKernelState } from '../agent/forwarding/adoption.js';
import type { FollowerParts } from '../agent/forwarding/followed-network.js';
import { NetworkFollower } from '../agent/forwarding/network-follower.js';
import { TunnelGuard } from '../agent/forwarding/tunnel-guard.js';
import { HostChanges } from '../agent/hosts/host-changes.js';
import { ParentWatch } from '../agent/lan/parent-watch.js';
import type { Pairs } from '../agent/pairs/pairs.js';
import { NetworkPeers } from '../agent/paths/network-peers.js';
import { PolicyGuard } from '../agent/policies/policy-guard.js';
import type { NetworkSpec } from '../dataplane/dataplane.js';
import { onHost } from '../driver/networks/lan-plan.js';
import { keys } from '../model/keys.js';
import { usesTunnel } from '../model/mode.js';
import { modeOf, type NetworkRecord, parseVniKey } from '../model/network.js';
import { RepairLog } from '../observability/repair-log.js';
import { type Cluster, followCluster } from './cluster.js';
import type { Foundation } from './foundation.js';
import { namesLastKnown, virtualSubnetsOf } from './names-last-known.js';
import { createEncryption, createKeyChange } from './paths/encryption.js';
import { createPairs } from './paths/pairs.js';
import { begin } from './started.js';

/** What this host knows of the cluster, and what makes the kernel forward by it. */
export interface Forwarding extends Cluster {
  readonly changes: HostChanges;
  readonly follower: NetworkFollower;
  readonly networkPeers: NetworkPeers;
  /** To be started. */
  readonly pairs: Pairs;
  readonly encryption: Encryption;
  readonly keyChange: KeyChange;
  readonly guard: TunnelGuard;
  readonly policies: PolicyGuard;
  readonly parentWatch: ParentWatch;
  readonly repairs: RepairLog;
  readonly specOf: (record: NetworkRecord) => NetworkSpec;
}

/** Registers the host, and begins to follow the cluster. What it starts is added to `started`. */
export async function startForwarding(
  foundation: Foundation,
  started: AsyncDisposable[],
): Promise<Forwarding> {
  const { logger, dataplane, hostId, zones } = foundation;
  const underlay = await dataplane.findUnderlay();
  const name = hostname();
  const cluster = await followCluster(foundation, { name, vtep: underlay.vtep }, started);
  const { replica, registration, hosts, local, clusterNetworks } = cluster;

  const repairs = new RepairLog(logger);
  const vnis = replica.followValues(keys.vnis());
  started.push(vnis);
  const clusterVnis = () => [...vnis.all()].flatMap(({ key }) => parseVniKey(key) ?? []);
  const clusterEncrypted = () =>
    clusterNetworks.records.flatMap(({ vni, protection }) => (protection?.encrypt ? [vni] : []));
  const unknownEncrypted = () => listUnknownEncrypted({ dataplane, local });
  const filtered = { hostId, hosts, local, clusterVnis, clusterEncrypted, unknownEncrypted };
  const guard = new TunnelGuard({ ...filtered, dataplane, repairs, logger });
  vnis.onChange(() => guard.hint());
  clusterNetworks.onChange(() => guard.hint());
  started.push(guard);
  hosts.onChange((moved) => {
    if (moved.size > 0) guard.hint();
  });
  guard.start();

  const { parents } = foundation.config;
  const parentWatch = await begin(started, new ParentWatch({ local, dataplane, parents, logger }));

  const lastKnown = namesLastKnown(foundation.store, hostId);
  let isAdopting = true;
  const changed: FollowerParts['changed'] = (networkId, changes) => {
    zones.changed(networkId, changes);
    networkPeers.changed(networkId, changes);
    policies.hint(networkId, changes);
  };
  const networkPeers = new NetworkPeers({
    hostId,
    endpointsOf: (id) => follower.endpointsOf(id),
    usesTunnel: (id) => usesTunnel(modeOf(local.findRecord(id) ?? {})),
  });
  const encryption = createEncryption(foundation, {
    ...{ hosts, local, repairs },
    underlay: () => changes.underlay,
  });
  started.push(encryption);
  // Not at a sign of life.
  hosts.onChange((moved) => {
    if (moved.size > 0) encryption.hint();
  });
  const specOf = (record: NetworkRecord): NetworkSpec => {
    const { id, vni, multicast, mode: recorded, mtu: asked, protection } = record;
    const mode = onHost(recorded, parents);
    const underlay = protection?.encrypt ? encryption.underlay : changes.underlay;
    return {
      ...{ id, vni, multicast },
      ...(mode && { mode }),
      ...(protection?.spoof && { spoof: protection.spoof }),
      ...(protection?.encrypt && { encryptedVtep: underlay.vtep }),
      mtu: asked ?? dataplane.containerMtu(underlay, mode),
    };
  };
  const pairs = createPairs(foundation, {
    ...{ hosts, local, networkPeers, specOf },
    underlay: () => changes.underlay,
  });
  const follower = new NetworkFollower({ replica, dataplane, hosts, pairs, hostId, logger, changed });
  started.push(follower);
  const { policyDevice: device, labels } = foundation;
  const ruled = { replica, clusterNetworks, device, local, follower, labels, hostId, repairs, logger };
  const policies = await begin(started, new PolicyGuard(ruled));
  zones.connect({
    endpointsOf: (networkId) => follower.endpointsOf(networkId) ?? lastKnown.endpointsOf(networkId),
    nameOf: (networkId) => local.findRecord(networkId)?.name,
    virtualSubnetsOf: (networkId) => virtualSubnetsOf(local.findRecord(networkId)),
    isAlive: (id) => id === hostId || hosts.isAlive(id),
    // Once all is adopted, a network that is not followed stays as it is: nothing more will be known of it.
    isCurrent: (networkId) => follower.isLatest(networkId) ?? !isAdopting,
  });

  const refresh = () => {
    pairs.hint();
    encryption.hint();
    follower.refresh((id) => {
      const network = local.findRecord(id);
      return network && specOf(network);
    });
  };
  const reconnect = () => foundation.store.reconnect?.();
  const changes = new HostChanges({ underlay, name, dataplane, registration, reconnect, refresh, logger });
  started.push(changes);
  changes.start();
  encryption.start();
  const keyChange = await begin(
    started,
    createKeyChange(foundation, { registration, encryption, local, refresh }),
  );
  await adoptKernelState({ dataplane, local, follower, specOf, logger });
  isAdopting = false;
  const kept = { pairs, encryption, keyChange, guard, policies, parentWatch, repairs };
  return { ...cluster, ...kept, changes, follower, networkPeers, specOf };
}
