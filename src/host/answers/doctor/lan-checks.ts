import type { NetworkStatus, Status } from '../../../admin/status-answer.js';
import type { LanSpec } from '../../../dataplane/modes.js';
import { isWireless, judgeLans, type LanNetwork } from '../../../doctor/lan/lan-checks.js';
import { onHost } from '../../../driver/networks/lan-plan.js';
import type { Looked } from './checks.js';

/** What the doctor says of the LANs that networks of this host are on. */
export async function lookAtLans(
  { config, dataplane }: Pick<Looked, 'config' | 'dataplane'>,
  { networks }: Status,
) {
  const found = networks.map(async (network): Promise<LanNetwork[]> => {
    const mode = onHost(specOf(network), config.parents);
    if (mode?.parent === undefined) return [];
    const parent = await dataplane.lanParent(mode);
    return [
      {
        ...{ name: network.name ?? network.id, mode: mode.kind, parent: mode.parent, mtu: network.mtu },
        ...{ found: parent, isWireless: await isWireless(parent?.base ?? parent?.interface ?? mode.parent) },
      },
    ];
  });
  return judgeLans((await Promise.all(found)).flat());
}

/** What finds the interface; the rest of the mode does not matter for that. */
function specOf({ mode, parent, vlan }: NetworkStatus): LanSpec | undefined {
  const lan = { parent, vlan, gateways: [] };
  if (mode === 'macvlan') return { kind: mode, ...lan, submode: 'bridge' };
  if (mode === 'ipvlan') return { kind: mode, ...lan, submode: 'l2', flag: 'bridge' };
  return undefined;
}
