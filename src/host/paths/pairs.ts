import type { PairAnswer } from '../../admin/status-answer.js';
import type { HostChanges } from '../../agent/hosts/host-changes.js';
import type { PairPeer, PairState } from '../../agent/pairs/followed-pair.js';
import { Pairs } from '../../agent/pairs/pairs.js';
import type { NetworkPeers } from '../../agent/paths/network-peers.js';
import { testAddress } from '../../dataplane/pairs/test-addresses.js';
import { errorMessage } from '../../errors.js';
import { isSameFamily } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import { modeOf, type NetworkRecord } from '../../model/network.js';
import type { Cluster } from '../cluster.js';
import type { Forwarding } from '../forwarding.js';
import type { Foundation } from '../foundation.js';

export interface PairsNeeds extends Pick<Cluster, 'hosts' | 'local'> {
  readonly networkPeers: NetworkPeers;
  readonly underlay: () => HostChanges['underlay'];
  readonly specOf: Forwarding['specOf'];
}

/** Tests which hosts with which this one shares a routed network are on its segment; to be started. */
export function createPairs(
  { pairDevice: device, dataplane, hostId, logger }: Foundation,
  { hosts, local, networkPeers, underlay, specOf }: PairsNeeds,
): Pairs {
  const routed = () =>
    networkPeers.networkIds.flatMap((id): NetworkRecord[] => {
      const record = local.findRecord(id);
      return record && modeOf(record).kind === 'routed' ? [record] : [];
    });
  const peers = () => {
    const { vtep: own } = underlay();
    const ids = networkPeers.idsIn(routed().map(({ id }) => id));
    const all = [...ids].flatMap((id): PairPeer[] => {
      const vtep = hosts.vtepOf(id);
      const reachable = vtep !== undefined && isSameFamily(vtep, own) && id !== hostId;
      return reachable ? [{ id, vtep, name: hosts.nameOf(id) }] : [];
    });
    return withObstacles(own, all);
  };
  const tested = () => {
    const most = dataplane.containerMtu(underlay());
    const families = new Set(
      routed().flatMap(({ pools }) => pools.map(({ subnet }) => Prefix.parse(subnet).family)),
    );
    const mtus = routed().map((record) => specOf(record).mtu);
    return { families: [...families].sort(), mtu: mtus.length > 0 ? Math.max(...mtus) : most };
  };
  const pairs = new Pairs({
    device,
    testAddressOf: testAddress,
    peers,
    tested,
    underlay,
    vtepOf: (id) => hosts.vtepOf(id),
    logger,
  });
  networkPeers.onChange(() => pairs.hint());
  hosts.onChange(() => pairs.hint());
  return pairs;
}

/** Two hosts of one test address cannot be distinguished: the first has it. In the order of VTEPs. */
export function withObstacles(own: string, peers: readonly PairPeer[]): PairPeer[] {
  const holders = new Map([[testAddress(own, 4), 'this host']]);
  return peers
    .toSorted((a, b) => (a.vtep < b.vtep ? -1 : 1))
    .map((peer) => {
      const address = testAddress(peer.vtep, 4);
      const holder = holders.get(address);
      if (holder === undefined) {
        holders.set(address, `host ${peer.name}`);
        return peer;
      }
      return { ...peer, obstacle: `its test address ${address} is also that of ${holder}` };
    });
}

/** For `xnet status` of this host. The tunnel carries all packets meanwhile. */
export function findPairProblems({ pairs }: Pick<Forwarding, 'pairs'>): string[] {
  return pairs.failure === undefined
    ? []
    : [
        `which hosts are on this one's segment is not tested, so routed networks go through the tunnel where they were not direct before: ${errorMessage(pairs.failure)}`,
      ];
}

/** For people, by the ids of the hosts. */
export function pairAnswers({ pairs }: Pick<Forwarding, 'pairs'>): ReadonlyMap<string, PairAnswer> {
  return new Map([...pairs.states].map(([id, state]) => [id, answerOf(state)]));
}

/** The same by the names of the hosts. */
export function namedPairs({
  hosts,
  pairs,
}: Pick<Forwarding, 'hosts' | 'pairs'>): ReadonlyMap<string, PairState> {
  return new Map([...pairs.states].map(([id, state]) => [hosts.nameOf(id), state]));
}

function answerOf({ way, since, why }: PairState): PairAnswer {
  return { way, since: since.toISOString().replace(/\.\d+/, ''), why };
}
