/** The names of an endpoint. Pure. */
import type { InspectedContainer } from '../docker/engine.js';
import type { EndpointNames } from '../store/records.js';

const COMPOSE_SERVICE = 'com.docker.compose.service';

/** Docker's short form of an id. */
const SHORT_ID = 12;

/**
 * What a container is called in the network of `endpointId`: by Docker's own resolver there, and the Compose service
 * that it belongs to. Undefined when the container has no such endpoint.
 */
export function namesOf(container: InspectedContainer, endpointId: string): EndpointNames | undefined {
  const endpoint = container.endpoints.find((each) => each.endpointId === endpointId);
  if (!endpoint) return undefined;
  const service = container.labels[COMPOSE_SERVICE];
  const names = [
    container.name,
    ...endpoint.names,
    container.id.slice(0, SHORT_ID),
    container.hostname,
    ...(service === undefined ? [] : [service]),
  ];
  return {
    container: container.name,
    containerId: container.id,
    network: endpoint.network,
    names: [...new Set(names)].filter((name) => name !== ''),
    ports: [...container.exposedPorts],
  };
}
