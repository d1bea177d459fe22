/** The networks of the cluster as they were created, so that they can be created anew. */
import type { NetworkRecord } from '../model/network.js';
import { Cluster, type Reader, readBindings } from './cluster.js';
import type { Answer } from './operations.js';

type Exported = Answer<'export'>['networks'][number];
type LeftOut = Answer<'export'>['leftOut'][number];

/**
 * Those that xnet itself creates on every host. Of the others the cluster has no more than their subnets: they are left out, by
 * name. Sorted by name, so that two exports of the same networks are the same text. Throws the store's errors.
 */
export async function answerExport(store: Reader): Promise<Answer<'export'>> {
  const cluster = await Cluster.read(store);
  const leftOut = await Promise.all(
    cluster.networks
      .filter(({ mirror }) => !mirror)
      .map((network) => describeLeftOut(store, cluster, network)),
  );
  const networks = cluster.networks.flatMap((network) => exported(network) ?? []);
  return {
    asOf: cluster.isCurrent ? 'store' : 'last known',
    networks: networks.sort((a, b) => (a.name < b.name ? -1 : 1)),
    leftOut: leftOut.sort((a, b) => (a.network < b.network ? -1 : 1)),
  };
}

function exported({ mirror }: NetworkRecord): Exported | undefined {
  // One that is being removed shall not be created again.
  if (!mirror || mirror.removal) return undefined;
  const { name, internal, attachable, ipv4 = true, ipv6, labels, options, ipam } = mirror;
  return {
    ...{ name, internal, attachable, ipv4, ipv6, labels, options: withoutId(options) },
    ipam: { ...ipam, options: withoutId(ipam.options) },
  };
}

/** The network that is created anew has another id. */
function withoutId({ 'xnet.id': _, ...options }: Readonly<Record<string, string>>): Record<string, string> {
  return options;
}

async function describeLeftOut(store: Reader, cluster: Cluster, network: NetworkRecord): Promise<LeftOut> {
  const { id, swarm } = network;
  const name = cluster.nameOf(id) ?? id;
  if (swarm) return { network: name, reason: 'swarm has it: docker network inspect on a manager' };
  const { records } = await readBindings(store, id);
  const hosts = [...new Set(records.map(({ hostId }) => cluster.hostOf(hostId).name ?? hostId))].sort();
  const where = hosts.length === 0 ? 'on no host' : `only on ${hosts.join(', ')}`;
  return { network: name, reason: `it is ${where}: docker network inspect there` };
}
