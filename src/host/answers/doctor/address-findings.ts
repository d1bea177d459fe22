import { listSandboxInterfaces } from '../../../dataplane/sandbox/sandbox-addresses.js';
import { judgeAddresses, type SeenEndpoint } from '../../../doctor/address-checks.js';
import { type Judgement, ok } from '../../../doctor/finding.js';
import { isXnetError } from '../../../errors.js';
import type { EndpointRecord } from '../../../model/endpoint.js';
import type { Host } from '../../host.js';

type AddressParts = Pick<Host, 'local' | 'sandboxes' | 'follower' | 'hosts'>;

/** For `xnet doctor`: what the containers of this host have, against the records of their networks on all hosts. */
export async function findAddressFaults(host: AddressParts | undefined): Promise<readonly Judgement[]> {
  if (!host) return [ok('not looked at yet: this host is still starting')];
  const seen = await Promise.all(host.local.listAllEndpoints().map((endpoint) => see(host, endpoint)));
  return judgeAddresses(seen.filter((each) => each !== undefined));
}

/** Undefined: it has no namespace (yet, or any more), or its network is not followed. */
async function see(
  { local, sandboxes, follower, hosts }: AddressParts,
  { id, networkId, addresses, mac }: ReturnType<AddressParts['local']['listAllEndpoints']>[number],
): Promise<SeenEndpoint | undefined> {
  const sandboxPath = sandboxes.pathOf(id);
  const network = local.findRecord(networkId);
  const records = follower.endpointsOf(networkId);
  if (sandboxPath === undefined || !network || !records) return undefined;
  const nameOf = (record: EndpointRecord | undefined) => record?.names?.container ?? record?.id.slice(0, 12);
  const interfaces = await listSandboxInterfaces(sandboxPath).catch((error: unknown) => {
    // It has ended meanwhile.
    if (isXnetError(error, 'NOT_FOUND')) return undefined;
    throw error;
  });
  if (!interfaces) return undefined;
  return {
    ...{ addresses, mac, sandboxPath, interfaces },
    container: nameOf(records.find((record) => record.id === id)) ?? id.slice(0, 12),
    network: network.name ?? networkId,
    subnets: network.pools.map(({ subnet }) => subnet),
    holderOf: (wanted) => {
      const holder = records.find(
        (record) => record.id !== id && (record.mac === wanted || record.addresses.includes(wanted)),
      );
      return holder && `${nameOf(holder)} on ${hosts.nameOf(holder.hostId)}`;
    },
  };
}

/** The same as problems for `xnet status`: faults alone. */
export async function findAddressProblems(host: AddressParts): Promise<string[]> {
  const judgements = await findAddressFaults(host);
  return judgements.flatMap(({ verdict, found, remedy }) =>
    verdict === 'failure' ? [`${found}; ${remedy}`] : [],
  );
}
