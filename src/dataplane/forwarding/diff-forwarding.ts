/** Which forwarding entries of a network are not as they shall be, and the lines that put them right. Pure. */
import { type Change, compareMaps, type Difference } from '../changes.js';
import { BRIDGE, VXLAN } from '../interface-names.js';
import { FLOOD_MAC, type ForwardingState, type RemoteEntry } from './forwarding-state.js';

type Ports = ForwardingState['ports'];

export function diffForwarding(observed: ForwardingState, desired: ForwardingState): Change[] {
  const isRemote = (mac: string) => desired.remotes.has(mac) || observed.remotes.has(mac);
  const remotes = compareMaps(observed.remotes, desired.remotes, isSameEntry);
  const ports = compareMaps(observed.ports, desired.ports).filter(({ key }) => !isRemote(key));
  return [
    ...remotes.map((each) =>
      each.desired ? setRemote(each) : dropRemote(each, observed.ports, desired.ports),
    ),
    ...compareMaps(observed.flood, desired.flood).map(changeFlood),
    ...compareMaps(observed.neighbours, desired.neighbours).map(changeNeighbour),
    ...ports.map(({ key, was, ...each }) => changeFdb(key, was, moveLines(key, each.observed, each.desired))),
  ];
}

/** Line of `bridge`: frames to the endpoint's MAC leave by its port. Moves the entry when it points elsewhere. */
export function portEntryLine(mac: string, port: string): string {
  return `fdb replace ${mac} dev ${port} master static`;
}

function isSameEntry(a: RemoteEntry, b: RemoteEntry): boolean {
  return (
    a.bridged === b.bridged &&
    a.vteps.size === b.vteps.size &&
    [...a.vteps].every((vtep) => b.vteps.has(vtep))
  );
}

/** A MAC that moves is replaced in place: there is no moment without it. */
function setRemote({ key: mac, was, observed, desired }: Difference<RemoteEntry>): Change {
  const [vtep] = desired?.vteps ?? [];
  // Of more than one destination, which others have made, a replacement would change only the first.
  const isDoubled = observed !== undefined && observed.vteps.size > 1;
  const set = `fdb replace ${mac} dev ${VXLAN} dst ${vtep} self master static`;
  return changeFdb(mac, was, [...(isDoubled ? [forgetLine(mac)] : []), set]);
}

/** Once no remote has it, a MAC of this host is this host's again. */
function dropRemote(
  { key: mac, was, observed }: Difference<RemoteEntry>,
  actual: Ports,
  wanted: Ports,
): Change {
  const from = observed?.bridged ? VXLAN : actual.get(mac);
  const forget = observed?.vteps.size ? [forgetLine(mac)] : [];
  return changeFdb(mac, was, [...forget, ...moveLines(mac, from, wanted.get(mac))]);
}

function forgetLine(mac: string): string {
  return `fdb del ${mac} dev ${VXLAN} self`;
}

function moveLines(mac: string, from: string | undefined, to: string | undefined): string[] {
  if (from === to) return [];
  return [to === undefined ? `fdb del ${mac} dev ${from} master` : portEntryLine(mac, to)];
}

function changeFdb(object: string, was: Change['was'], bridge: readonly string[]): Change {
  return { kind: 'fdb-entry', object, was, bridge };
}

function changeFlood({ key: vtep, was, desired }: Difference<true>): Change {
  const verb = desired ? 'append' : 'del';
  const line = `fdb ${verb} ${FLOOD_MAC} dev ${VXLAN} dst ${vtep} self permanent`;
  return { kind: 'flood-entry', object: vtep, was, bridge: [line] };
}

function changeNeighbour({ key: address, was, desired: mac }: Difference<string>): Change {
  const line =
    mac === undefined
      ? `neigh del ${address} dev ${BRIDGE}`
      : `neigh replace ${address} lladdr ${mac} dev ${BRIDGE} nud permanent`;
  return { kind: 'neighbour', object: address, was, ip: [line] };
}
