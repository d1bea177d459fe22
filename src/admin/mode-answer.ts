/** The mode of a network, as answers have it. Pure. */
import { z } from 'zod';
import { type Mode, usesTunnel } from '../model/mode.js';
import { modeOf, type NetworkRecord } from '../model/network.js';

const count = z.number().int();

export const modeFields = {
  mode: z.enum(['overlay', 'macvlan', 'ipvlan', 'routed'] satisfies Mode['kind'][]),
  /** Absent: of a network that is on a LAN, which has no tunnel. */
  vni: count.optional(),
  /** What goes between hosts is encrypted; absent: it is not. */
  encrypted: z.literal(true).optional(),
  /** Of a LAN: as the user has named it, an interface or a name of `parents`. Absent: the network is inside each host. */
  parent: z.string().optional(),
  vlan: count.optional(),
};
const shape = z.object(modeFields);
export type ModeAnswer = z.infer<typeof shape>;

export function modeAnswer(record: Pick<NetworkRecord, 'mode' | 'vni' | 'protection'>): ModeAnswer {
  const mode = modeOf(record);
  const encrypted = record.protection?.encrypt && { encrypted: true as const };
  if (usesTunnel(mode)) return { mode: mode.kind, vni: record.vni, ...encrypted };
  return {
    mode: mode.kind,
    ...(mode.parent !== undefined && { parent: mode.parent }),
    ...(mode.vlan !== undefined && { vlan: mode.vlan }),
  };
}

/** Parent and VLAN as Docker spells them: `eth1.10`. Undefined: there is none. */
export function parentText({ parent, vlan }: Pick<ModeAnswer, 'parent' | 'vlan'>): string | undefined {
  return parent !== undefined && vlan !== undefined ? `${parent}.${vlan}` : parent;
}
