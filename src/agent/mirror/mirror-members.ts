/** Whose a Docker network is, and who uses it: endpoints anywhere, and containers of this host that do not run. Pure. */
import type { DockerContainer, DockerNetwork } from '../../docker/engine.js';
import { OUR_DRIVER } from '../../docker/own-plugin.js';
import type { MirrorView } from './mirror-view.js';

type Use = Pick<MirrorView, 'used' | 'bindings' | 'dockerNetworks' | 'containers'>;

export function isOurs({ driver, scope }: DockerNetwork): boolean {
  return driver === OUR_DRIVER && scope === 'local';
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
