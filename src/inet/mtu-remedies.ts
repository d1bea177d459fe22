/** What is to be done where an underlay is too narrow for the packets of containers: the same words wherever it is found. Pure. */

/** What a tunnel between these addresses adds to a packet of a container, in bytes. */
export function tunnelOverhead(vtep: string): number {
  return vtep.includes(':') ? 70 : 50;
}

/** The interface of the host on which it is run has a smaller MTU. `device`: as a word of a shell. */
export function raiseInterface(device: string, mtu: number): string {
  return `ip link set ${device} mtu ${mtu}`;
}

/** The interfaces of both hosts carry it, and what is between them does not. */
export function raiseBetween(one: string, other: string, mtu: number): string {
  return `give all of the underlay between ${one} and ${other} an MTU of ${mtu}`;
}

/** Containers send less. */
export function smallerNetworks(mtu: number | undefined): string {
  return `create the networks anew with -o com.docker.network.driver.mtu=${mtu}`;
}
