import type { DockerNetworkSpec } from '../../../src/docker/engine.js';

/** A Docker network as a user makes it: all that is not given is Docker's default. */
export function networkSpec(name: string, given: Partial<DockerNetworkSpec> = {}): DockerNetworkSpec {
  return {
    name,
    driver: 'bridge',
    internal: false,
    attachable: false,
    ipv4: true,
    ipv6: false,
    labels: {},
    options: {},
    ipam: { driver: 'default', options: {}, subnets: [] },
    ...given,
  };
}
