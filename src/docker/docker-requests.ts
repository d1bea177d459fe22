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
