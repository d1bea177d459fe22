import { hostname } from 'node:os';
import { adoptKernelState } from '../agent/forwarding/adoption.js';
import { NetworkFollower } from '../agent/forwarding/network-follower.js';
import { TunnelGuard } from '../agent/forwarding/tunnel-guard.js';
import { HostChanges } from '../agent/hosts/host-changes.js';
import { HostRegistration } from '../agent/hosts/host-registration.js';
import { HostsView } from '../agent/hosts/hosts-view.js';
import { loadLocalState } from '../agent/local/local-state.js';
import { containerMtu } from '../dataplane/container-mtu.js';
import type { NetworkSpec, Underlay } from '../dataplane/dataplane.js';
import { LocalNetworks } from '../driver/local-networks.js';
import { RepairLog } from '../observability/repair-log.js';
import { RecordReader } from '../store/record-reader.js';
import type { HostRecord, NetworkRecord } from '../store/records.js';
import type { Foundation } from './foundation.js';
import { namesLastKnown } from './names-last-known.js';
import { virtualSubnetsOf } from './virtual-subnets.js';

/** What this host knows of the cluster, and the kernel that follows it. */
export interface Forwarding {
  readonly changes: HostChanges;
  readonly records: RecordReader;
  readonly registration: HostRegistration;
  readonly hosts: HostsView;
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
  const { logger, store, dataplane, hostId, zones, clash } = foundation;
  const underlay = await dataplane.findUnderlay();
  const name = hostname();

  const record = hostRecordOf(foundation, name, underlay);
  const registration = new HostRegistration(store, record, logger, clash);
  started.push(registration);
  await registration.start();

  const records = new RecordReader(logger);
  const hosts = new HostsView(store, records);
  started.push(hosts);
  await hosts.start();

  const local = new LocalNetworks();
  const isLocalFresh = await loadLocalState(store, hostId, local, records);

  const repairs = new RepairLog(logger);
  const guard = new TunnelGuard({ dataplane, hosts, local, repairs, logger });
  started.push(guard);
  hosts.onChange(() => guard.hint());
  hosts.onChange(() => registration.noteRecord(hosts.find(hostId)));
  guard.hint();

  const lastKnown = namesLastKnown(store, hostId);
  let isAdopting = true;
  const changed = (networkId: string) => zones.changed(networkId);
  const follower = new NetworkFollower({ store, dataplane, hosts, hostId, records, logger, changed });
  started.push(follower);
  zones.connect({
    endpointsOf: (networkId) => follower.endpointsOf(networkId) ?? lastKnown.endpointsOf(networkId),
    nameOf: (networkId) => local.findRecord(networkId)?.name,
    virtualSubnetsOf: (networkId) => virtualSubnetsOf(local.findRecord(networkId)),
    isAlive: (id) => id === hostId || hosts.isAlive(id),
    // What is not followed when all is adopted, nothing will be told of.
    isCurrent: (networkId) => store.away || (follower.isCurrent(networkId) ?? !isAdopting),
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
  const reconnect = () => store.reconnect?.();
  const changes = new HostChanges({ underlay, name, dataplane, registration, reconnect, refresh, logger });
  started.push(changes);
  changes.start();
  await adoptKernelState({ dataplane, local, follower, specOf, logger });
  isAdopting = false;
  return { changes, records, registration, hosts, local, isLocalFresh, follower, guard, repairs, specOf };
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
