import { networkInterfaces } from 'node:os';
import type { NetworkStatus, Status } from '../../../admin/status-answer.js';
import type { LanSpec } from '../../../dataplane/modes.js';
import { isWireless, judgeLans, type LanNetwork } from '../../../doctor/lan/lan-checks.js';
import { isLan, onHost } from '../../../driver/networks/lan-plan.js';
import { keys } from '../../../model/keys.js';
import { networkRecord } from '../../../model/network.js';
import { findRecord } from '../../../model/record.js';
import type { Looked } from './checks.js';

/** What the doctor says of the LANs that networks of this host are on. */
export async function lookAtLans(
  { config, dataplane, reader }: Pick<Looked, 'config' | 'dataplane' | 'reader'>,
  { networks }: Status,
) {
  const found = networks.map(async (network): Promise<LanNetwork[]> => {
    const mode = onHost(specOf(network), config.parents);
    if (mode?.parent === undefined) return [];
    const parent = await dataplane.lanParent(mode);
    return [
      {
        ...{ name: network.name ?? network.id, mode: mode.kind, parent: mode.parent, mtu: network.mtu },
        ownGateways: await ownGateways(reader, network.id),
        ...{ found: parent, isWireless: await isWireless(parent?.base ?? parent?.interface ?? mode.parent) },
      },
    ];
  });
  return judgeLans((await Promise.all(found)).flat());
}

/** The kernel passes nothing between the host's interface and what is on it, but for `xnet.host`, and modes that have no gateway. */
async function ownGateways(reader: Looked['reader'], networkId: string): Promise<readonly string[]> {
  const { entries } = await reader.list(keys.network(networkId));
  const mode = entries.map((entry) => findRecord(networkRecord, entry)?.mode).find(isLan);
  if (!mode || mode.host || (mode.kind === 'ipvlan' && mode.submode !== 'l2')) return [];
  const own = Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.map(({ address }) => address),
  );
  return mode.gateways.filter((gateway) => own.includes(gateway));
}

/** What finds the interface; the rest of the mode does not matter for that. */
function specOf({ mode, parent, vlan }: NetworkStatus): LanSpec | undefined {
  const lan = { parent, vlan, gateways: [] };
  if (mode === 'macvlan') return { kind: mode, ...lan, submode: 'bridge' };
  if (mode === 'ipvlan') return { kind: mode, ...lan, submode: 'l2', flag: 'bridge' };
  return undefined;
}
