/** The effects that attach endpoints to their network, and give containers back an interface that was deleted. */
import { XnetError } from '../../errors.js';
import { type Change, linesOf } from '../changes.js';
import type { LocalEndpoint } from '../dataplane.js';
import { type BatchFailure, isAbsent, isPresent } from '../iproute2/iproute2.js';
import { untilGone } from '../kernel/until-gone.js';
import { awaitVanished, dressInterface, firstFreeName } from '../sandbox/sandbox-interface.js';
import type { NetworkNamespace } from './network-namespace.js';

/**
 * Makes the endpoints' interfaces and FDB entries, or completes what is there of them; `changes` are of Attachment.add.
 * Throws NOT_FOUND when the network is not there or not whole, IN_USE when a stranger's interface has the name.
 */
export async function attachEndpoints(
  namespace: NetworkNamespace,
  changes: readonly Change[],
): Promise<void> {
  const look = () => attach(namespace, linesOf(changes, 'ip'));
  // The peer of a port that is gone may linger in the host's namespace while the kernel deletes it.
  const taken = changes.length > 1 ? await look() : await untilGone(look);
  if (taken !== undefined) throw nameTaken(taken, namespace.networkId);
  await namespace.iproute2.batch('bridge', namespace.name, linesOf(changes, 'bridge'));
}

/**
 * Makes the endpoint's pair anew, one end of it in its container: named `formerName`, or as Docker would name it. `change`
 * is of Attachment.add.
 */
export async function attachAgain(
  namespace: NetworkNamespace,
  change: Change,
  endpoint: LocalEndpoint & { readonly sandboxPath: string },
  formerName: string | undefined,
): Promise<void> {
  const others = await awaitVanished(endpoint.sandboxPath, endpoint.mac);
  try {
    await attachEndpoints(namespace, [change]);
    await dressInterface(endpoint.sandboxPath, endpoint, formerName ?? firstFreeName(others));
  } catch (error: unknown) {
    // Half of it would pass for right at the next look.
    await namespace.removeLinks([change.object]).catch(() => {});
    throw error;
  }
}

/** Resolves to the name of a port that cannot be made, it being taken outside the network's namespace. */
async function attach(namespace: NetworkNamespace, lines: readonly string[]): Promise<string | undefined> {
  const tolerate = (failure: BatchFailure) => isPresent(failure) || isAbsent(failure);
  const failures = await namespace.batch(lines, { tolerate });
  // A port being there already is the only failure of an endpoint that is attached.
  const others = failures.filter((failure) => !isPresent(failure));
  const bridgeMissing = others.find(({ words }) => !/xc[0-9a-f]{12}/.test(words));
  if (bridgeMissing) {
    const message = `network namespace ${namespace.name} has no bridge: ${bridgeMissing.words}`;
    throw new XnetError('NOT_FOUND', message, { namespace: namespace.name });
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
