import type { HostOf } from '../../../admin/answers.js';
import { Cluster, type Reader } from '../../../admin/cluster.js';

export interface NamedHost {
  readonly id: string;
  readonly name: string;
}

/** Which hosts capture. */
export interface ChosenHosts {
  /** This host does. */
  readonly isHere: boolean;
  readonly others: readonly NamedHost[];
  /** Hosts that do not, and why. */
  readonly refusals: readonly { readonly host: string; readonly refusal: string }[];
}

/** The ids of the hosts named in `on`, with commas between; undefined: none are named. Throws NOT_FOUND, and the store's errors. */
export async function findWantedHosts(store: Reader, on: string | undefined): Promise<HostOf[] | undefined> {
  if (on === undefined) return undefined;
  const cluster = await Cluster.read(store);
  const ids = new Set(on.split(',').flatMap((each) => cluster.hostsCalled(each)));
  return [...ids].map((id) => cluster.hostOf(id));
}

/** `involved`: those that have something to capture. Pure. */
export function chooseHosts(
  involved: readonly HostOf[],
  wanted: readonly HostOf[] | undefined,
  ownId: string,
  storeProblem: string,
): ChosenHosts {
  const isInvolved = (id: string) => involved.some((each) => each.id === id);
  const meant = (wanted ?? involved).map((host) => ({ ...host, name: host.name ?? host.id }));
  const others = meant.filter(({ id }) => id !== ownId && isInvolved(id));
  return {
    isHere: meant.some(({ id }) => id === ownId && isInvolved(id)),
    others: others.filter(({ state }) => state === 'alive').map(({ id, name }) => ({ id, name })),
    refusals: [
      ...meant
        .filter(({ id }) => !isInvolved(id))
        .map(({ name }) => ({ host: name, refusal: 'not asked: it has no container there' })),
      ...others
        .filter(({ state }) => state !== 'alive')
        .map(({ name, state }) => ({
          host: name,
          refusal: state === 'silent' ? 'not asked: it gives no sign of life' : `not asked: ${storeProblem}`,
        })),
    ],
  };
}
