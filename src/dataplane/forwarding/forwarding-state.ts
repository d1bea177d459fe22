/** The kernel entries by which a network reaches its endpoints. */

/** The MAC of VXLAN's default destinations. */
export const FLOOD_MAC = '00:00:00:00:00:00';

export interface ForwardingState {
  /** MACs of other hosts' endpoints. */
  readonly remotes: ReadonlyMap<string, RemoteEntry>;
  /** VTEPs that get broadcast, and multicast that the bridge lets through. */
  readonly flood: ReadonlyMap<string, true>;
  /** Permanent neighbours of br0, from which ARP and ND are answered: address -> MAC. */
  readonly neighbours: ReadonlyMap<string, string>;
  /** MAC -> port on br0 of endpoints of this host. A remote of the same MAC wins. */
  readonly ports: ReadonlyMap<string, string>;
}

/** How frames to a MAC leave the host: both entries are needed. */
export interface RemoteEntry {
  /** br0 sends them to vxlan0. */
  readonly bridged: boolean;
  /** Where vxlan0 sends them: to one, where nobody interfered. */
  readonly vteps: ReadonlySet<string>;
}
