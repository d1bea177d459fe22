import {
  listSandboxInterfaces,
  type SandboxInterface,
} from '../../../dataplane/sandbox/sandbox-addresses.js';
import { judgeAddresses, type SeenEndpoint } from '../../../doctor/address-checks.js';
import { type Judgement, ok } from '../../../doctor/finding.js';
import { isLan } from '../../../driver/networks/lan-plan.js';
import { isXnetError } from '../../../errors.js';
import type { EndpointRecord } from '../../../model/endpoint.js';
import { modeOf, type NetworkRecord } from '../../../model/network.js';
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
  const interfaces = await interfacesIn(sandboxPath);
  if (!interfaces) return undefined;
  return {
    ...{ addresses, mac, sandboxPath, interfaces },
    container: nameOf(records.find((record) => record.id === id)) ?? id.slice(0, 12),
    network: network.name ?? networkId,
    subnets: network.pools.map(({ subnet }) => subnet),
    isBound: isBound(network),
    holderOf: (wanted) => {
      const holder = records.find(
        (record) => record.id !== id && (record.mac === wanted || record.addresses.includes(wanted)),
      );
      return holder && `${nameOf(holder)} on ${hosts.nameOf(holder.hostId)}`;
    },
  };
}

/** On a LAN sources are not checked. */
function isBound(network: NetworkRecord): boolean {
  return network.protection?.spoof === undefined && !isLan(modeOf(network));
}

/** MTU of the endpoint's interface in its container; undefined: it is in none (any more). Throws KERNEL, UNSUPPORTED. */
export async function findInnerMtu(
  { sandboxes }: Pick<Host, 'sandboxes'>,
  endpointId: string,
  wanted: string,
): Promise<number | undefined> {
  const interfaces = await interfacesIn(sandboxes.pathOf(endpointId));
  return interfaces?.find(({ mac }) => mac === wanted)?.mtu;
}

/** Undefined: there is no such namespace (any more). */
async function interfacesIn(sandboxPath: string | undefined): Promise<SandboxInterface[] | undefined> {
  if (sandboxPath === undefined) return undefined;
  return listSandboxInterfaces(sandboxPath).catch((error: unknown) => {
    if (isXnetError(error, 'NOT_FOUND')) return undefined;
    throw error;
  });
}

/** The same as problems for `xnet status`: faults alone. */
export async function findAddressProblems(host: AddressParts): Promise<string[]> {
  const judgements = await findAddressFaults(host);
  return judgements.flatMap(({ verdict, found, remedy }) =>
    verdict === 'failure' ? [`${found}; ${remedy}`] : [],
  );
}
