import { type Change, linesOf } from '../changes.js';
import { endpointNameOf } from '../interface-names.js';
import { type BatchFailure, type Iproute2, isAbsent } from '../iproute2/iproute2.js';

/** All changes are tried; throws for the first that the kernel refused. */
export async function applyForwarding(
  iproute2: Iproute2,
  namespace: string,
  changes: readonly Change[],
): Promise<void> {
  const tolerate = (failure: BatchFailure) => isRemovedAlready(failure) || isOfVanishedPort(failure);
  const results = await Promise.allSettled([
    iproute2.batch('bridge', namespace, linesOf(changes, 'bridge'), { tolerate }),
    iproute2.batch('ip', namespace, linesOf(changes, 'ip'), { tolerate }),
  ]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/**
 * The port went with the container that had its other end, after the look at the kernel: there is nothing to be repaired,
 * and the kernel's event leads to the next look.
 */
export function isOfVanishedPort(failure: BatchFailure): boolean {
  return failure.line.split(' ').some((word) => endpointNameOf(word) !== undefined) && isAbsent(failure);
}

function isRemovedAlready(failure: BatchFailure): boolean {
  return / del /.test(failure.line) && isAbsent(failure);
}
