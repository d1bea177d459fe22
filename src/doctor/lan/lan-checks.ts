/** The interfaces of this host that lead to the LANs of its networks. Pure, but for the reading of a file. */
import { access } from 'node:fs/promises';
import type { LanParent } from '../../dataplane/lan-reading.js';
import { allWell, failure, type Judgement, warning, wordOfLine } from '../finding.js';

/** A network of this host that is on a LAN. */
export interface LanNetwork {
  readonly name: string;
  readonly mode: 'macvlan' | 'ipvlan';
  /** As this host has it: an interface. */
  readonly parent: string;
  /** Of its containers, as its creator has asked for it. */
  readonly mtu?: number | undefined;
  /** Undefined: it is not there. */
  readonly found: LanParent | undefined;
  readonly isWireless: boolean;
  /** Of its gateways those that are addresses of this host, which its containers do not reach. */
  readonly ownGateways?: readonly string[];
}

export function judgeLans(networks: readonly LanNetwork[]): readonly Judgement[] {
  if (networks.length === 0) return allWell([], 'no network of this host is on a LAN');
  const names = [...new Set(networks.map(({ found, parent }) => found?.interface ?? parent))];
  return allWell(networks.flatMap(judgeLan), `${names.join(', ')}: up, with a carrier`);
}

function judgeLan(network: LanNetwork): Judgement[] {
  const { name, mode, parent, mtu, found, isWireless, ownGateways = [] } = network;
  if (!found) {
    const remedy = `ip -br link # make ${wordOfLine(parent)}, or name one of these for the LAN in \`parents\` of xnet.json`;
    return [
      failure(
        `network ${name}: this host has no interface ${parent}, and starts no containers in it`,
        remedy,
      ),
    ];
  }
  if (found.unfit !== undefined)
    return [
      failure(
        `network ${name}: ${found.unfit}`,
        'name another interface for the LAN in `parents` of xnet.json',
      ),
    ];
  const { interface: device, isUp, down = device, hasCarrier, mtu: most } = found;
  if (!isUp) return [failure(`network ${name}: ${down} is down`, `ip link set ${wordOfLine(down)} up`)];
  const lost = hasCarrier
    ? []
    : [
        failure(
          `network ${name}: ${device} has no carrier`,
          'look at its cable, and at the switch behind it',
        ),
      ];
  const wireless =
    isWireless && mode === 'macvlan'
      ? [
          warning(
            `network ${name}: ${device} is wireless, and access points drop frames of MAC addresses that have not registered`,
            'create the network anew with -o xnet.mode=ipvlan, whose containers have the MAC address of the interface',
          ),
        ]
      : [];
  const narrow =
    mtu !== undefined && mtu > most
      ? [
          warning(
            `network ${name}: its containers may send packets of ${mtu} bytes, and ${device} carries ${most}`,
            `${widening(found, mtu)} # if its switch does, too`,
          ),
        ]
      : [];
  const kept = ownGateways.map((gateway) =>
    failure(
      `network ${name}: its gateway ${gateway} is an address of this host, which its containers here do not reach, so that they have no way out`,
      'create the network anew with the --gateway of the LAN (without one it is the first address of the subnet), or with -o xnet.host=on',
    ),
  );
  return [...lost, ...wireless, ...narrow, ...kept];
}

/** A sub-interface is at most as wide as what it is on; xnet widens its own by itself, and after it. */
function widening({ interface: device, base, isMade }: LanParent, mtu: number): string {
  const devices = base === undefined ? [device] : isMade ? [base, device] : [base];
  return devices.map((each) => `ip link set ${wordOfLine(each)} mtu ${mtu}`).join(' && ');
}

/** cfg80211 has a `phy80211` for each of its interfaces (Documentation/ABI/testing/sysfs-class-net). */
export function isWireless(device: string): Promise<boolean> {
  return access(`/sys/class/net/${device}/phy80211`).then(
    () => true,
    () => false,
  );
}
