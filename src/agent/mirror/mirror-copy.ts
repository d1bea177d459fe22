/** The Docker networks that the mirror makes, and what the cluster keeps for that. Pure. */
import type { DockerNetwork, DockerNetworkSpec } from '../../docker/engine.js';
import { OUR_DRIVER } from '../../docker/own-plugin.js';
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import type { Mode } from '../../model/mode.js';
import { type MirrorRecord, mirrorRecord } from '../../model/network.js';

/** `-o` and `--ipam-opt` with which copies name their network. */
export const ID_OPTION = 'xnet.id';

export const GATEWAY_BRIDGE = 'docker_gwbridge';

/** Of the bridge driver's options; without it the bridge has the beginning of the network's id. */
const DEVICE = 'com.docker.network.bridge.name';

/** The device of docker_gwbridge, which may have been made by hand with another name. Undefined: it is not there. */
export function gatewayDevice(
  networks: readonly Pick<DockerNetwork, 'id' | 'name' | 'options'>[],
): string | undefined {
  const found = networks.find(({ name }) => name === GATEWAY_BRIDGE);
  return found && (found.options[DEVICE] ?? `br-${found.id.slice(0, 12)}`);
}

/** Of Docker's own bridges, unless they are configured otherwise. */
const DOCKERS_MTU = 1500;

/**
 * As Docker itself makes it (moby: daemon/libnetwork/default_gateway_linux.go), but for a way to the outside that carries less than
 * Docker believes: then large packets would be lost. `mtu`: of that way, where it is known.
 */
export function gatewayBridge(mtu = DOCKERS_MTU): DockerNetworkSpec {
  return {
    name: GATEWAY_BRIDGE,
    driver: 'bridge',
    internal: false,
    attachable: false,
    ipv4: true,
    ipv6: false,
    labels: {},
    options: {
      [DEVICE]: GATEWAY_BRIDGE,
      'com.docker.network.bridge.enable_icc': 'false',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
      ...(mtu < DOCKERS_MTU && { 'com.docker.network.driver.mtu': `${mtu}` }),
    },
    ipam: { driver: 'default', options: {}, subnets: [] },
  };
}

/** What the cluster keeps of a Docker network, for the copies. */
export function mirrorOf({ ipv4, ...dockerNetwork }: DockerNetwork): MirrorRecord {
  return mirrorRecord.parse(ipv4 ? dockerNetwork : { ...dockerNetwork, ipv4 });
}

/** The Docker network to make on a host. `mode`: of the network. */
export function copyOf(networkId: string, mirror: MirrorRecord, mode?: Mode): DockerNetworkSpec {
  const { ipam, ipv4 = true, removal: _, former: _former, ...rest } = mirror;
  const own = { [ID_OPTION]: networkId };
  return {
    ...rest,
    ipv4,
    driver: OUR_DRIVER,
    options: { ...mirror.options, ...own },
    ipam: { ...copyOfIpam(ipam, own), subnets: ipam.subnets.map((each) => withGateway(each, mode)) },
  };
}

/** The gateway that Docker chose where the network was created, and does not list: on a LAN it is all hosts'. */
function withGateway(
  subnet: MirrorRecord['ipam']['subnets'][number],
  mode: Mode | undefined,
): MirrorRecord['ipam']['subnets'][number] {
  if (!mode || !('gateways' in mode) || subnet.subnet === undefined) return subnet;
  const prefix = Prefix.parse(subnet.subnet);
  const gateway = mode.gateways.find((each) => prefix.contains(IpAddress.parse(each)));
  return { ...(gateway !== undefined && { gateway }), ...subnet };
}

/** Docker's own IPAM serves one host alone, so copies use xnet's. */
function copyOfIpam({ driver, options }: MirrorRecord['ipam'], own: Readonly<Record<string, string>>) {
  if (driver === 'default') return { driver: OUR_DRIVER, options: own };
  return { driver, options: driver === OUR_DRIVER ? { ...options, ...own } : options };
}
