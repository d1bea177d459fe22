/** From domain words to what the Engine API is asked, for every API version from 1.40 on. Pure. */
import type Docker from 'dockerode';
import type { DockerNetworkSpec } from './engine.js';
import type { DriverNames } from './own-plugin.js';

/** The body alone: docker-modem would put all of it into the URL too. */
export function creationOf(spec: DockerNetworkSpec, names: DriverNames): Docker.NetworkCreateOptions {
  const body = {
    Name: spec.name,
    // Docker before 25 makes a second network of one name without it.
    CheckDuplicate: true,
    Driver: names.toDocker(spec.driver),
    Internal: spec.internal,
    Attachable: spec.attachable,
    ...(!spec.ipv4 && { EnableIPv4: false }),
    EnableIPv6: spec.ipv6,
    Labels: spec.labels,
    Options: spec.options,
    IPAM: {
      Driver: names.toDocker(spec.ipam.driver),
      Options: spec.ipam.options,
      Config: spec.ipam.subnets.map(({ subnet, range, gateway, auxiliary }) => ({
        ...(subnet !== undefined && { Subnet: subnet }),
        ...(range !== undefined && { IPRange: range }),
        ...(gateway !== undefined && { Gateway: gateway }),
        ...(auxiliary !== undefined && { AuxiliaryAddresses: auxiliary }),
      })),
    },
  };
  return { _query: {}, _body: body } as unknown as Docker.NetworkCreateOptions;
}

/**
 * Connects a container that does not run as a user asked for it, by what Docker says of its place in the network of that
 * name. With that network's id Docker would go on looking for it. A MAC address would be lost (Docker 26 and 28 note it as
 * the one of the last run), and is not said of one that does not run.
 */
export function connectionOf(
  containerId: string,
  endpoint: Docker.EndpointSettings,
  abortSignal: AbortSignal,
): Docker.NetworkConnectOptions {
  const { IPAMConfig, Links, Aliases, DriverOpts, GwPriority } = endpoint as WishedEndpoint;
  const wishes = { IPAMConfig, Links, Aliases, DriverOpts, GwPriority };
  const body = { Container: containerId, EndpointConfig: wishes };
  return { _query: {}, _body: body, abortSignal } as unknown as Docker.NetworkConnectOptions;
}

/** What dockerode's types lack. */
interface WishedEndpoint extends Docker.EndpointSettings {
  /** Since API 1.48. */
  readonly GwPriority?: number;
}
