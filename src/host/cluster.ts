import { HostRegistration } from '../agent/hosts/host-registration.js';
import { HostsView } from '../agent/hosts/hosts-view.js';
import { followOwnBindings, loadLocalState } from '../agent/local/local-state.js';
import { LocalNetworks } from '../driver/local-networks.js';
import type { BindingRecord } from '../model/binding.js';
import type { HostRecord } from '../model/host.js';
import { keys } from '../model/keys.js';
import { type NetworkRecord, networkRecord } from '../model/network.js';
import { Replica } from '../replica/replica.js';
import type { View } from '../replica/view.js';
import { RecordReader } from '../store/record-reader.js';
import type { Foundation } from './foundation.js';

/** What this host knows of the cluster, and of its own place in it. */
export interface Cluster {
  readonly replica: Replica;
  readonly records: RecordReader;
  readonly registration: HostRegistration;
  readonly hosts: HostsView;
  /** Of the cluster. */
  readonly clusterNetworks: View<NetworkRecord>;
  /** Of this host. */
  readonly bindings: View<BindingRecord>;
  readonly local: LocalNetworks;
  /** As loadLocalState resolves. */
  readonly isLocalFresh: boolean;
}

/** Registers the host by its name and VTEP, and begins to follow the cluster. What it starts is added to `started`. */
export async function followCluster(
  foundation: Foundation,
  place: Pick<HostRecord, 'name' | 'vtep'>,
  started: AsyncDisposable[],
): Promise<Cluster> {
  const { store, logger, hostId, clash } = foundation;
  const records = new RecordReader(logger);
  const replica = new Replica(store, records);
  started.push(replica);
  const registration = new HostRegistration(replica, hostRecordOf(foundation, place), logger, clash);
  started.push(registration);
  await registration.start();

  const hosts = new HostsView(replica);
  const clusterNetworks = replica.follow(keys.networks(), networkRecord);
  const bindings = followOwnBindings(replica, hostId);
  await hosts.ready();
  const local = new LocalNetworks((networkId) => clusterNetworks.get(keys.network(networkId))?.record);
  const localState = { store: replica, hostId, bindings, local, records };
  const isLocalFresh = await loadLocalState(localState, clusterNetworks);
  hosts.onChange(() => registration.noteRecord(hosts.find(hostId)));
  return { replica, records, registration, hosts, clusterNetworks, bindings, local, isLocalFresh };
}

function hostRecordOf(
  { config, hostId: id, machine, version: xnetVersion, encryptionKeys }: Foundation,
  { name, vtep }: Pick<HostRecord, 'name' | 'vtep'>,
): HostRecord {
  const { vxlanPort, encryptPort } = config;
  const encryption = encryptionKeys.published(encryptPort);
  return { version: 1, id, name, vtep, vxlanPort, xnetVersion, machine, encryption };
}
