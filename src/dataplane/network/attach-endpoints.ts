/** The effects that attach endpoints to their network, take them off it, and give containers back an interface that was deleted. */
import { XnetError } from '../../errors.js';
import { type Change, linesOf } from '../changes.js';
import type { LocalEndpoint } from '../dataplane.js';
import { GROUPS, namespaceName } from '../interface-names.js';
import { type BatchFailure, type Iproute2, isAbsent, isPresent } from '../iproute2/iproute2.js';
import { untilGone } from '../kernel/until-gone.js';
import { awaitVanished, dressInterface, firstFreeName, isSandbox } from '../sandbox/sandbox-interface.js';
import { removeGroup } from './apply-devices.js';

/**
 * Makes the endpoints' interfaces and FDB entries, or completes what is there of them; `changes` are of Attachment.add.
 * Throws NOT_FOUND when the network is not there or not whole, IN_USE when a stranger's interface has the name.
 */
export async function attachEndpoints(
  iproute2: Iproute2,
  networkId: string,
  changes: readonly Change[],
): Promise<void> {
  const namespace = namespaceName(networkId);
  const look = () => attach(iproute2, namespace, linesOf(changes, 'ip'));
  // The peer of a port that is gone may linger in the host's namespace while the kernel deletes it.
  const taken = changes.length > 1 ? await look() : await untilGone(look);
  if (taken !== undefined) throw nameTaken(taken, networkId);
  await iproute2.batch('bridge', namespace, linesOf(changes, 'bridge'));
}

/** Takes the ports of these names away, and with each its peer wherever that is. Absent is success. */
export async function detachEndpoints(
  iproute2: Iproute2,
  networkId: string,
  names: readonly string[],
): Promise<void> {
  await removeGroup(iproute2, networkId, names, GROUPS.leaving);
}

/**
 * Makes the endpoint's pair anew, with one end in its container, named as Docker had named it (`formerName`, where that
 * was seen). Undefined where no container has it any more: Docker is about to say so, or has forgotten it.
 */
export async function attachAgain(
  iproute2: Iproute2,
  networkId: string,
  endpoint: LocalEndpoint,
  formerName: string | undefined,
  changeInto: (sandboxPath: string) => Change,
): Promise<Change | undefined> {
  const { mac, sandboxPath } = endpoint;
  if (sandboxPath === undefined || !(await isSandbox(sandboxPath))) return undefined;
  const others = await awaitVanished(sandboxPath, mac);
  const change = changeInto(sandboxPath);
  try {
    await attachEndpoints(iproute2, networkId, [change]);
    await dressInterface(sandboxPath, endpoint, formerName ?? firstFreeName(others));
    return change;
  } catch (error: unknown) {
    // Half of it would pass for right at the next look.
    await detachEndpoints(iproute2, networkId, [change.object]).catch(() => {});
    throw error;
  }
}

/** Resolves to the name of a port that cannot be made, it being taken outside the network's namespace. */
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
