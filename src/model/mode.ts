/**
 * How the containers of a network reach each other and the outside: what `docker network create -o xnet.mode` chooses, with the
 * options that belong to it. Addresses, names and the copies on other hosts are the same for all modes.
 */
import { z } from 'zod';

/** A bridge on each host, and VXLAN tunnels between them. */
const overlayMode = z.object({ kind: z.literal('overlay') });

/** What both kinds of a LAN have. */
const lan = {
  /**
   * The interface of each host that leads to the LAN, or the name that the hosts' `parents` have for it. Absent: none, the LAN is
   * inside each host.
   */
  parent: z.string().optional(),
  /** 802.1q identifier; absent: the LAN of the parent itself. */
  vlan: z.number().int().min(1).max(4094).optional(),
  /** Each host and its own containers in the network reach each other. */
  host: z.literal(true).optional(),
  /** The LAN's own routers: containers' default routes, plain addresses. */
  gateways: z.array(z.string()),
};

/** Containers are devices on a LAN that is there already, each with a MAC of its own. */
const macvlanMode = z.object({
  kind: z.literal('macvlan'),
  ...lan,
  submode: z.enum(['bridge', 'private', 'vepa', 'passthru']),
});

/** Containers are on a LAN that is there already, all with the MAC of the host's interface. */
const ipvlanMode = z.object({
  kind: z.literal('ipvlan'),
  ...lan,
  submode: z.enum(['l2', 'l3', 'l3s']),
  flag: z.enum(['bridge', 'private', 'vepa']),
});

/** Packets leave as they are, without a tunnel, towards the host of their destination. */
const routedMode = z.object({ kind: z.literal('routed') });

export const mode = z.discriminatedUnion('kind', [overlayMode, macvlanMode, ipvlanMode, routedMode]);
export type Mode = z.infer<typeof mode>;
export type LanMode = Extract<Mode, { kind: 'macvlan' | 'ipvlan' }>;
type TunnelMode = Exclude<Mode, LanMode>;

/** Its packets to other hosts go through VXLAN tunnels, all or some of them: its VNI is in use. */
export function usesTunnel(mode: Mode): mode is TunnelMode {
  return mode.kind === 'overlay' || mode.kind === 'routed';
}

/** Of a network whose record has none. */
export const DEFAULT_MODE: Mode = { kind: 'overlay' };
