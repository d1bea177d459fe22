/** The names of an endpoint. Pure. */
import { constants } from 'node:os';
import type { DockerContainer, InspectedContainer } from '../../docker/engine.js';
import type { EndpointNames } from '../../model/endpoint.js';

const COMPOSE_SERVICE = 'com.docker.compose.service';

/** Docker's short form of an id. */
const SHORT_ID = 12;

const NO_SIGNALS: ReadonlySet<number> = new Set();

/**
 * What a container is called in the network of `endpointId`: by Docker's own resolver there, and the service of Compose
 * or of the swarm that it belongs to, unless it is out of service. `signals`: what it was sent since its start.
 * Undefined when the container has no such endpoint.
 */
export function namesOf(
  container: InspectedContainer,
  endpointId: string,
  signals = NO_SIGNALS,
): EndpointNames | undefined {
  const endpoint = container.endpoints.find((each) => each.endpointId === endpointId);
  if (!endpoint) return undefined;
  const service = container.labels[COMPOSE_SERVICE];
  const names = [
    container.name,
    ...endpoint.names,
    container.id.slice(0, SHORT_ID),
    container.hostname,
    ...(service === undefined ? [] : [service]),
    ...(isStopping(container, signals) ? [] : swarmNames(container)),
  ];
  return {
    container: container.name,
    containerId: container.id,
    network: endpoint.network,
    names: [...new Set(names)].filter((name) => name !== ''),
    ports: [...container.exposedPorts],
  };
}

/** Of a swarm's task: none while its health check has not found it well, as in swarm's own discovery. */
export function swarmNames({ service, health = 'healthy' }: DockerContainer): string[] {
  return service === undefined || health !== 'healthy' ? [] : [service, `tasks.${service}`];
}

/** Swarm takes a task out of its discovery before it has Docker stop it, which may take as long as it likes. */
function isStopping({ stopSignal }: InspectedContainer, signals: ReadonlySet<number>): boolean {
  const { SIGTERM, SIGKILL } = constants.signals;
  return signals.has(stopSignal ?? SIGTERM) || signals.has(SIGKILL);
}
