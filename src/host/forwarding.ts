import { hostname } from 'node:os';
import { adoptKernelState } from '../agent/forwarding/adoption.js';
import { NetworkFollower } from '../agent/forwarding/network-follower.js';
import { TunnelGuard } from '../agent/forwarding/tunnel-guard.js';
import { HostChanges } from '../agent/hosts/host-changes.js';
import { HostRegistration } from '../agent/hosts/host-registration.js';
import { HostsView } from '../agent/hosts/hosts-view.js';
import { loadLocalState } from '../agent/local/local-state.js';
import { followOwnBindings } from '../agent/local/own-bindings.js';
import { containerMtu } from '../dataplane/container-mtu.js';
import type { NetworkSpec, Underlay } from '../dataplane/dataplane.js';
import { LocalNetworks } from '../driver/local-networks.js';
import type { BindingRecord } from '../model/binding.js';
import type { HostRecord } from '../model/host.js';
import { keys } from '../model/keys.js';
import { type NetworkRecord, networkRecord } from '../model/network.js';
import { RepairLog } from '../observability/repair-log.js';
import { Replica } from '../replica/replica.js';
import type { View } from '../replica/view.js';
import { RecordReader } from '../store/record-reader.js';
import type { Foundation } from './foundation.js';
import { namesLastKnown, virtualSubnetsOf } from './names-last-known.js';

/** What this host knows of the cluster, and what makes the kernel forward by it. */
export interface Forwarding {
  readonly replica: Replica;
  readonly records: RecordReader;
  readonly changes: HostChanges;
  readonly registration: HostRegistration;
  readonly hosts: HostsView;
  /** Of the cluster. */
  readonly clusterNetworks: View<NetworkRecord>;
  /** Of this host. */
  readonly bindings: View<BindingRecord>;
  readonly local: LocalNetworks;
  /** As loadLocalState resolves. */
  readonly isLocalFresh: boolean;
  readonly follower: NetworkFollower;
  readonly guard: TunnelGuard;
  readonly repairs: RepairLog;
  readonly specOf: (record: NetworkRecord) => NetworkSpec;
}

/** Registers the host, and begins to follow the cluster. What it starts is added to `started`. */
export async function startForwarding(
  foundation: Foundation,
  started: AsyncDisposable[],
): Promise<Forwarding> {
  const { logger, dataplane, hostId, zones, clash } = foundation;
  const underlay = await dataplane.findUnderlay();
  const name = hostname();

  const records = new RecordReader(logger);
  const replica = new Replica(foundation.store, records);
  started.push(replica);
  const record = hostRecordOf(foundation, name, underlay);
  const registration = new HostRegistration(replica, record, logger, clash);
  started.push(registration);
  await registration.start();

  const hosts = new HostsView(replica);
  const clusterNetworks = replica.follow(keys.networks(), networkRecord);
  const bindings = followOwnBindings(replica, hostId);
  await hosts.ready();

  const local = new LocalNetworks((networkId) => clusterNetworks.get(keys.network(networkId))?.record);
  const isLocalFresh = await loadLocalState({
    replica,
    hostId,
    networks: clusterNetworks,
    bindings,
    local,
    records,
  });

  const repairs = new RepairLog(logger);
  const guard = new TunnelGuard({ dataplane, hosts, local, repairs, logger });
  started.push(guard);
  hosts.onChange(() => guard.hint());
  hosts.onChange(() => registration.noteRecord(hosts.find(hostId)));
  guard.hint();

  const lastKnown = namesLastKnown(replica, hostId);
  let isAdopting = true;
  const changed = (networkId: string) => zones.changed(networkId);
  const follower = new NetworkFollower({ replica, dataplane, hosts, hostId, logger, changed });
  started.push(follower);
  zones.connect({
    endpointsOf: (networkId) => follower.endpointsOf(networkId) ?? lastKnown.endpointsOf(networkId),
    nameOf: (networkId) => local.findRecord(networkId)?.name,
    virtualSubnetsOf: (networkId) => virtualSubnetsOf(local.findRecord(networkId)),
    isAlive: (id) => id === hostId || hosts.isAlive(id),
    // Once all is adopted, a network that is not followed stays as it is: nothing more will be known of it.
    isCurrent: (networkId) => follower.isLatest(networkId) ?? !isAdopting,
  });
  hosts.onChange(() => zones.hostsChanged());

  const specOf = ({ id, vni, multicast, mtu: asked }: NetworkRecord) => ({
    id,
    vni,
    multicast,
    mtu: asked ?? containerMtu(changes.underlay),
  });
  const refresh = () =>
    follower.refresh((id) => {
      const network = local.findRecord(id);
      return network && specOf(network);
    });
  const reconnect = () => replica.reconnect();
  const changes = new HostChanges({ underlay, name, dataplane, registration, reconnect, refresh, logger });
  started.push(changes);
  changes.start();
  await adoptKernelState({ dataplane, local, follower, specOf, logger });
  isAdopting = false;
  const known = { replica, records, hosts, clusterNetworks, bindings, local, isLocalFresh };
  return { ...known, changes, registration, follower, guard, repairs, specOf };
}

function hostRecordOf(
  { config, hostId, machine, version }: Foundation,
  name: string,
  underlay: Underlay,
): HostRecord {
  return {
    version: 1,
    id: hostId,
    name,
    vtep: underlay.vtep,
    vxlanPort: config.vxlanPort,
    xnetVersion: version,
    machine,
  };
}
