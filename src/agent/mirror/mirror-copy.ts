/** The Docker networks that the mirror makes, and what the cluster keeps for that. Pure. */
import type { DockerNetwork, DockerNetworkSpec } from '../../docker/engine.js';
import type { MirrorRecord } from '../../model/network.js';

/** `-o` and `--ipam-opt` with which copies name their network. */
export const ID_OPTION = 'xnet.id';

export const GATEWAY_BRIDGE = 'docker_gwbridge';

/** As Docker itself makes it (moby: daemon/libnetwork/default_gateway_linux.go). */
export const GATEWAY_BRIDGE_SPEC: DockerNetworkSpec = {
  name: GATEWAY_BRIDGE,
  driver: 'bridge',
  internal: false,
  attachable: false,
  ipv4: true,
  ipv6: false,
  labels: {},
  options: {
    'com.docker.network.bridge.name': GATEWAY_BRIDGE,
    'com.docker.network.bridge.enable_icc': 'false',
    'com.docker.network.bridge.enable_ip_masquerade': 'true',
  },
  ipam: { driver: 'default', options: {}, subnets: [] },
};

/** What the cluster keeps of a Docker network, for the copies. */
export function mirrorOf(dockerNetwork: DockerNetwork, driver: string): MirrorRecord {
  const { name, internal, attachable, ipv4, ipv6, labels, options, ipam } = dockerNetwork;
  return {
    name,
    internal,
    attachable,
    ipv6,
    ...(!ipv4 && { ipv4: false as const }),
    labels: { ...labels },
    options: { ...options },
    ipam: {
      driver: ipam.driver === driver ? 'xnet' : ipam.driver,
      options: { ...ipam.options },
      subnets: ipam.subnets.map(({ auxiliary, ...rest }) => ({
        ...rest,
        ...(auxiliary && { auxiliary: { ...auxiliary } }),
      })),
    },
  };
}

/** The Docker network to make on a host. Docker's own IPAM serves one host alone, so copies use xnet's. */
export function copyOf(networkId: string, mirror: MirrorRecord, driver: string): DockerNetworkSpec {
  const { ipam, ipv4 = true, removal: _, former: _former, ...rest } = mirror;
  const clusterIpam = ipam.driver === 'xnet' || ipam.driver === 'default';
  return {
    ...rest,
    ipv4,
    driver,
    options: { ...mirror.options, [ID_OPTION]: networkId },
    ipam: {
      driver: clusterIpam ? driver : ipam.driver,
      options:
        ipam.driver === 'default'
          ? { [ID_OPTION]: networkId }
          : ipamOptions(ipam.options, networkId, clusterIpam),
      subnets: ipam.subnets,
    },
  };
}

function ipamOptions(options: Readonly<Record<string, string>>, networkId: string, clusterIpam: boolean) {
  return clusterIpam ? { ...options, [ID_OPTION]: networkId } : options;
}
