/** What the kernel says of a device's kind, by the names that `ip -d -j link show` has for it. */
import { ipText } from './texts.js';

export type Decoder = readonly [name: string, decode: (value: Buffer) => unknown];

const flag = (value: Buffer) => value.readUInt8() !== 0;

/** By IFLA_BR_..., IFLA_VXLAN_... and IFLA_BRPORT_... */
const BRIDGE: Readonly<Record<number, Decoder>> = {
  5: ['stp_state', (value) => value.readUInt32LE()],
  23: ['mcast_snooping', (value) => value.readUInt8()],
};
const VXLAN: Readonly<Record<number, Decoder>> = {
  1: ['id', (value) => value.readUInt32LE()],
  4: ['local', ipText],
  7: ['learning', flag],
  15: ['port', (value) => value.readUInt16BE()],
  17: ['local6', ipText],
};
export const BRIDGE_PORT: Readonly<Record<number, Decoder>> = {
  4: ['hairpin', flag],
  5: ['guard', flag],
  8: ['learning', flag],
  9: ['flood', flag],
  27: ['mcast_flood', flag],
  32: ['neigh_suppress', flag],
  33: ['isolated', flag],
};
/** By IFLA_VLAN_..., IFLA_MACVLAN_... and IFLA_IPVLAN_... */
const VLAN: typeof BRIDGE = { 1: ['id', (value) => value.readUInt16LE()] };
const MACVLAN: typeof BRIDGE = { 1: ['mode', (value) => MACVLAN_MODES[value.readUInt32LE()]] };
const IPVLAN: typeof BRIDGE = {
  1: ['mode', (value) => IPVLAN_MODES[value.readUInt16LE()]],
  2: ['flags', (value) => IPVLAN_FLAGS[value.readUInt16LE()]],
};
const MACVLAN_MODES: Readonly<Record<number, string>> = {
  1: 'private',
  2: 'vepa',
  4: 'bridge',
  8: 'passthru',
};
const IPVLAN_MODES = ['l2', 'l3', 'l3s'];
const IPVLAN_FLAGS = ['bridge', 'private', 'vepa'];
export const KINDS: Readonly<Record<string, typeof BRIDGE>> = {
  ...{ bridge: BRIDGE, vxlan: VXLAN },
  ...{ vlan: VLAN, macvlan: MACVLAN, ipvlan: IPVLAN },
};
