/** What must be so, of what was seen: each function returns what is wrong, a sentence each. */
import { type Model, runningContainers } from './model.js';
import type { SeenAddress, SeenContainer, SeenHost } from './observe.js';

/** At every moment: no two running containers have one address in a network. */
export function findSharedAddresses(hosts: readonly SeenHost[]): string[] {
  const owners = new Map<string, string>();
  return runningEndpoints(hosts).flatMap(({ container, network, address }) => {
    const place = `${address} in ${network}`;
    const owner = owners.get(place);
    owners.set(place, container.name);
    return owner === undefined || owner === container.name
      ? []
      : [`${owner} and ${container.name} on ${container.host} both have ${place}`];
  });
}

/** In quiet: the store has each running container's address for just that endpoint. */
export function findUnclaimedAddresses(
  hosts: readonly SeenHost[],
  addresses: readonly SeenAddress[],
): string[] {
  const claims = new Map(addresses.map(({ address, endpointId }) => [`${endpointId} ${address}`, true]));
  return runningEndpoints(hosts).flatMap(({ container, network, id, address }) =>
    claims.has(`${id} ${address}`)
      ? []
      : [`the store does not have ${address} in ${network} for ${container.name} on ${container.host}`],
  );
}

/** In quiet: the containers that should run do, in their networks, and no other of them does. */
export function findWrongContainers(model: Model, hosts: readonly SeenHost[]): string[] {
  const expected = runningContainers(model).map(
    ({ name, host, networks }) => `${name} on ${host} in ${[...networks].sort().join(' and ')}`,
  );
  const seen = hosts
    .flatMap(({ containers }) => containers)
    .filter(({ running }) => running)
    .map(({ name, host, endpoints }) => {
      return `${name} on ${host} in ${endpoints
        .map(({ network }) => network)
        .sort()
        .join(' and ')}`;
    });
  return differences('runs', expected, seen);
}

/** In quiet: every host has every network and no other, and its filter where it has endpoints. */
export function findWrongNetworks(model: Model, hosts: readonly SeenHost[]): string[] {
  const expected = model.networks.map(({ name }) => name);
  return hosts.flatMap(({ host, networks, containers, filtered }) => {
    const isUsed = containers.some(({ running, endpoints }) => running && endpoints.length > 0);
    const filter = isUsed && !filtered ? [`${host} has no nft table inet xnet`] : [];
    return [...differences(`network on ${host}`, expected, networks), ...filter];
  });
}

/** The addresses of a container in a network, or in all of its networks. */
export function addressesOf(container: SeenContainer, network?: string): string[] {
  return container.endpoints
    .filter((endpoint) => network === undefined || endpoint.network === network)
    .map(({ address }) => address);
}

function runningEndpoints(hosts: readonly SeenHost[]) {
  return hosts
    .flatMap(({ containers }) => containers)
    .filter(({ running }) => running)
    .flatMap((container) => container.endpoints.map((endpoint) => ({ container, ...endpoint })))
    .filter(({ address }) => address !== '');
}

function differences(what: string, expected: readonly string[], seen: readonly string[]): string[] {
  const missing = expected.filter((one) => !seen.includes(one)).map((one) => `${what}: missing ${one}`);
  const surplus = seen.filter((one) => !expected.includes(one)).map((one) => `${what}: unexpected ${one}`);
  return [...missing, ...surplus];
}
