/** Who uses a network: endpoints anywhere, and containers of this host that do not run. Pure. */
import type { DockerContainer, DockerNetwork } from '../../docker/engine.js';
import type { BindingRecord } from '../../model/binding.js';
import type { NetworkRecord } from '../../model/network.js';
import type { MirrorView } from './mirror-plan.js';

type Use = Pick<MirrorView, 'used' | 'bindings' | 'dockerNetworks' | 'containers'>;

/** Under removal, or not known to have its name for itself: whether it is used decides what becomes of it. */
export function isQuestionable(
  { id, name, mirror }: NetworkRecord,
  bindings: readonly BindingRecord[],
): boolean {
  if (mirror) return mirror.removal !== undefined;
  return name === undefined && bindings.some(({ networkId }) => networkId === id);
}

export function isInUse(view: Use, networkId: string): boolean {
  return view.used.has(networkId) || isUsedHere(view, networkId);
}

/** Containers of this host, also ones that do not run, belong to its Docker network, as `belongs` sees it. */
export function isUsedHere(
  { bindings, dockerNetworks, containers }: Omit<Use, 'used'>,
  networkId: string,
  belongs = belongsTo,
): boolean {
  const bound = bindings.filter((binding) => binding.networkId === networkId);
  return dockerNetworks
    .filter(({ id }) => bound.some(({ dockerNetworkId }) => dockerNetworkId === id))
    .some((dockerNetwork) => containers.some((container) => belongs(container, dockerNetwork)));
}

/** Until a container's first start Docker knows its networks by name alone. */
export function belongsTo({ endpoints }: DockerContainer, { id, name }: DockerNetwork): boolean {
  return endpoints.some(({ networkId, network }) => (networkId === '' ? network === name : networkId === id));
}

/** True when the container starts in this very network; one that never ran starts in any network of the name. */
export function isConnectedTo({ endpoints }: DockerContainer, { id }: DockerNetwork): boolean {
  return endpoints.some(({ networkId }) => networkId === id);
}
