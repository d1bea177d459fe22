/** The effects that attach endpoints to their network's bridge and take them off it. */
import { sleep } from '../../concurrency/deadline.js';
import { isXnetError, XnetError } from '../../errors.js';
import type { EndpointSpec, NetworkSpec } from '../dataplane.js';
import { GROUPS, interfaceName, namespaceName } from '../interface-names.js';
import { type BatchFailure, type Iproute2, isAbsent, isPresent } from '../iproute2/iproute2.js';
import { LINGER_MS } from './network-devices.js';
import { attachLines, localFdbLine } from './veth.js';

const LINGER_STEP_MS = 50;

/**
 * Makes the endpoints' pairs of interfaces and FDB entries, or completes what is there of them. Throws
 * NOT_FOUND when the network is not there or not whole, IN_USE when a stranger's interface has the name.
 */
export async function ensureAttached(
  iproute2: Iproute2,
  network: NetworkSpec,
  endpoints: readonly EndpointSpec[],
  hostNamespace: string,
): Promise<void> {
  const namespace = namespaceName(network.id);
  const lines = endpoints.flatMap((endpoint) => attachLines(network, endpoint, hostNamespace));
  const deadline = performance.now() + LINGER_MS;
  // The peer of a port that is gone may linger in the host's namespace while the kernel deletes it.
  for (;;) {
    const detached = await attach(iproute2, namespace, lines);
    if (!detached) break;
    if (endpoints.length > 1 || performance.now() > deadline) throw nameTaken(detached, network.id);
    await sleep(LINGER_STEP_MS);
  }
  const entries = endpoints.map(({ id, mac }) => localFdbLine(mac, interfaceName(id)));
  await iproute2.batch('bridge', namespace, entries);
}

/**
 * Deletes the interfaces, and with each its peer wherever that is. Absent is success. Deleting a device holds
 * the kernel's RTNL lock and waits for RCU (20 to 60 ms seen), but a link group is deleted in one go.
 */
export async function removeInterfaces(
  iproute2: Iproute2,
  networkId: string,
  names: readonly string[],
): Promise<void> {
  const marks = names.map((name) => `link set ${name} group ${GROUPS.leaving}`);
  const lines = [...marks, `link del group ${GROUPS.leaving}`];
  try {
    await iproute2.batch('ip', namespaceName(networkId), lines, { tolerate: isAbsent, lane: 'removal' });
  } catch (error: unknown) {
    if (!isXnetError(error, 'NOT_FOUND')) throw error;
  }
}

/**
 * Returns what the kernel said of a port that cannot be made, its name being taken outside the network's
 * namespace.
 */
async function attach(
  iproute2: Iproute2,
  namespace: string,
  lines: readonly string[],
): Promise<string | undefined> {
  const tolerate = (failure: BatchFailure) => isPresent(failure) || isAbsent(failure);
  const failures = await iproute2.batch('ip', namespace, lines, { tolerate });
  // A port being there already is the only failure of an endpoint that is attached.
  const others = failures.filter((failure) => !isPresent(failure));
  const bridgeMissing = others.find(({ words }) => !/xc[0-9a-f]{12}/.test(words));
  if (bridgeMissing) {
    throw new XnetError('NOT_FOUND', `network namespace ${namespace} has no bridge: ${bridgeMissing.words}`, {
      namespace,
    });
  }
  return others[0]?.line.split(' ')[2];
}

function nameTaken(name: string, networkId: string): XnetError {
  const reason = `the interface ${name} is on this host already, but is not attached to network ${networkId}`;
  return new XnetError('IN_USE', `${reason}; remove it with "ip link del ${name}"`, {
    interface: name,
    networkId,
  });
}
