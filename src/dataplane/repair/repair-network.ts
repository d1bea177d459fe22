/** The effects that compare a network with the kernel and put it right, in the order in which one hangs on another. */
import type { LocalEndpoint, NetworkCheck, NetworkSpec, Repair } from '../dataplane.js';
import { type ForwardingState, type LocalPorts, planForwarding } from '../forwarding/plan-forwarding.js';
import { type ObservedForwarding, readForwarding } from '../forwarding/read-forwarding.js';
import { endpointNameOf, interfaceName, namespaceName } from '../interface-names.js';
import { type BatchFailure, type Iproute2, isAbsent } from '../iproute2/iproute2.js';
import { ensureAttached, removeInterfaces } from '../network/endpoint-devices.js';
import type { Link } from '../network/links.js';
import { ensureDevices, findLinks } from '../network/network-devices.js';
import type { Tunnel } from '../network/vxlan.js';
import { awaitVanished, dressInterface, firstFreeName, isSandbox } from '../sandbox/sandbox-interface.js';
import { findForwardingDrift } from './forwarding-drift.js';
import { findDeviceDrift, planLocalFdb, planPorts } from './plan-repair.js';

/** What the network shall be. */
export interface RepairOrder {
  readonly network: NetworkSpec;
  readonly tunnel: Tunnel;
  readonly endpoints: readonly LocalEndpoint[];
  /** MAC -> port, as far as known: also of endpoints that are being made, and not told of in `endpoints` yet. */
  readonly attached: LocalPorts;
  /** What was set last; undefined: nothing yet, and somebody else is about to. */
  readonly forwarding: ForwardingState | undefined;
  readonly ipv6: boolean;
  /** What Docker called the endpoint's interface in its container, if that was seen. */
  readonly sandboxName: (endpointId: string) => string | undefined;
}

export interface RepairOutcome {
  readonly strangers: NetworkCheck['strangers'];
  /** MAC -> port of the endpoints that are attached now. */
  readonly local: LocalPorts;
}

/**
 * To be run while nothing else is done to the network; tells of each repair when it is done. Throws what kernel work
 * throws; it may be repeated.
 */
export async function repairNetwork(
  iproute2: Iproute2,
  order: RepairOrder,
  tell: (repairs: readonly Repair[]) => void,
): Promise<RepairOutcome> {
  const namespace = namespaceName(order.network.id);
  const found = await observe(iproute2, order.network.id);
  const devices = await repairDevices(iproute2, order, found.links);
  tell(devices);
  const links =
    devices.length === 0 ? found.links : await findLinks(iproute2, order.network.id, { all: true });
  const ports = await repairPorts(iproute2, order, links ?? []);
  const anew = devices.some(({ was }) => was === 'missing');
  tell(ports.repairs.filter(({ kind }) => kind === 'veth' || !anew));
  const hung = [...devices, ...ports.repairs];
  const untouched = hung.length === 0 ? found.forwarding : undefined;
  const entries = await repairForwarding(
    iproute2,
    order,
    untouched ?? (await readForwarding(iproute2, namespace)),
    ports.local,
  );
  if (hung.length === 0) tell(entries);
  return { strangers: ports.strangers, local: ports.local };
}

async function observe(
  iproute2: Iproute2,
  networkId: string,
): Promise<{ links: Link[] | undefined; forwarding: ObservedForwarding | undefined }> {
  const links = await findLinks(iproute2, networkId, { all: true });
  const forwarding = links && (await readForwarding(iproute2, namespaceName(networkId)));
  return { links, forwarding };
}

async function repairDevices(
  iproute2: Iproute2,
  { network, tunnel }: RepairOrder,
  links: readonly Link[] | undefined,
): Promise<Repair[]> {
  const drift = findDeviceDrift(links, network, tunnel);
  if (drift.length === 0) return drift;
  // Programs that stand in a namespace without a name keep it, and the VNI in it, alive.
  if (!links) await iproute2.leave(namespaceName(network.id));
  await ensureDevices(iproute2, links, network, tunnel);
  return drift;
}

async function repairPorts(
  iproute2: Iproute2,
  order: RepairOrder,
  links: readonly Link[],
): Promise<{ repairs: Repair[]; strangers: string[]; local: LocalPorts }> {
  const { network, endpoints } = order;
  const plan = planPorts(links, network, endpoints);
  await iproute2.batch('ip', namespaceName(network.id), plan.lines, { tolerate: isOfVanishedPort });
  const lost = new Set(plan.missing);
  const repairs = [...plan.repairs];
  for (const endpoint of plan.missing) {
    if (!(await giveBack(iproute2, order, endpoint))) continue;
    repairs.push({ kind: 'veth', object: interfaceName(endpoint.id), was: 'missing' });
    lost.delete(endpoint);
  }
  const coming = [...order.attached].filter(([, port]) => plan.strangers.includes(port));
  const own = new Set(coming.map(([, port]) => port));
  const there = endpoints.filter((endpoint) => !lost.has(endpoint));
  return {
    repairs,
    strangers: plan.strangers.filter((name) => !own.has(name)).flatMap((name) => endpointNameOf(name) ?? []),
    local: new Map([...coming, ...there.map(({ id, mac }): [string, string] => [mac, interfaceName(id)])]),
  };
}

/**
 * Makes the endpoint's pair anew, with one end in its container; false where no container has it any more: Docker is
 * about to say so, or has forgotten it.
 */
async function giveBack(iproute2: Iproute2, order: RepairOrder, endpoint: LocalEndpoint): Promise<boolean> {
  const { network, sandboxName } = order;
  const { id, mac, sandboxPath } = endpoint;
  if (sandboxPath === undefined || !(await isSandbox(sandboxPath))) return false;
  const others = await awaitVanished(sandboxPath, mac);
  const name = sandboxName(id) ?? firstFreeName(others);
  try {
    await ensureAttached(iproute2, network, [endpoint], sandboxPath);
    await dressInterface(sandboxPath, endpoint, name);
    return true;
  } catch (error: unknown) {
    // Half of it would pass for right at the next look.
    await removeInterfaces(iproute2, network.id, [interfaceName(id)]).catch(() => {});
    throw error;
  }
}

async function repairForwarding(
  iproute2: Iproute2,
  { network, forwarding, ipv6 }: RepairOrder,
  observed: ObservedForwarding,
  local: LocalPorts,
): Promise<Repair[]> {
  const namespace = namespaceName(network.id);
  const remote = forwarding ? forwarding.bridged : observed.state.bridged;
  const inside = planLocalFdb(observed.local, local, remote, new Set(local.values()));
  const outside = forwarding && planForwarding(observed.state, forwarding, local, ipv6);
  await iproute2.batch('bridge', namespace, [...(outside?.bridge ?? []), ...inside.lines], {
    tolerate: (failure) => isRemovedAlready(failure) || isOfVanishedPort(failure),
  });
  await iproute2.batch('ip', namespace, outside?.ip ?? [], { tolerate: isRemovedAlready });
  const drift = forwarding ? findForwardingDrift(observed.state, forwarding, ipv6) : [];
  return [
    ...drift,
    ...inside.repairs.filter(({ object }) => !drift.some((other) => other.object === object)),
  ];
}

export function isRemovedAlready(failure: BatchFailure): boolean {
  return / del /.test(failure.line) && isAbsent(failure);
}

/**
 * The port went with the container that had its other end, after the look at the kernel: there is nothing to be repaired,
 * and the kernel's event leads to the next look.
 */
export function isOfVanishedPort(failure: BatchFailure): boolean {
  return failure.line.split(' ').some((word) => endpointNameOf(word) !== undefined) && isAbsent(failure);
}
