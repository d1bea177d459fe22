import { type AddressOnLan, DeviceWatch } from '../../agent/lan/device-watch.js';
import { poolKeyOf } from '../../driver/endpoints/endpoint-records.js';
import { IpAddress } from '../../inet/ip-address.js';
import type { Ipam } from '../../ipam/ipam.js';
import type { Forwarding } from '../forwarding.js';
import type { Foundation } from '../foundation.js';
import type { AskedLans } from './asked-lans.js';

interface Parts extends Pick<Foundation, 'logger'>, Pick<Forwarding, 'local' | 'follower'> {
  readonly lans: AskedLans;
  readonly ipam: Ipam;
}

/** Watches the addresses of this host's containers on LANs; to be started. */
export function createDeviceWatch({ logger, local, follower, lans, ipam }: Parts): DeviceWatch {
  const addresses = () =>
    local.listAllEndpoints().flatMap(({ id, networkId, addresses: own }): AddressOnLan[] => {
      const network = local.findRecord(networkId);
      if (!network?.mode) return [];
      // The container's name comes after its endpoint was created.
      const published = follower.endpointsOf(networkId)?.find((each) => each.id === id);
      const container = published?.names?.container ?? id.slice(0, 12);
      return own
        .map((address) => ({ address, poolKey: poolKeyOf(network, IpAddress.parse(address)) }))
        .filter(({ poolKey }) => lans.isOnLan(poolKey))
        .map((each) => ({ ...each, container, network: network.name ?? networkId }));
    });
  return new DeviceWatch({
    isAnyLan: () => lans.isAny,
    addresses,
    whoHas: (...question) => lans.whoHas(...question),
    lookAgain: () => ipam.lookAgainAtLans(),
    logger,
  });
}
