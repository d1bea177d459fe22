/** Which forwarding entries are not as they were set. Pure; `planForwarding` puts them right. */
import type { Repair, RepairKind } from '../dataplane.js';
import { FLOOD_MAC, type ForwardingState } from '../forwarding/plan-forwarding.js';

/** `ipv6` false: the kernel has no IPv6, so no neighbours of that family. */
export function findForwardingDrift(
  observed: ForwardingState,
  desired: ForwardingState,
  ipv6: boolean,
): Repair[] {
  const flood = (state: ForwardingState) =>
    new Map([...(state.tunnels.get(FLOOD_MAC) ?? [])].map((vtep) => [vtep, '']));
  const neighbours = [...desired.neighbours].filter(([address]) => ipv6 || !address.includes(':'));
  return [
    ...compare('fdb-entry', unicastEntries(observed), unicastEntries(desired)),
    ...compare('flood-entry', flood(observed), flood(desired)),
    ...compare('neighbour', observed.neighbours, new Map(neighbours)),
  ];
}

/** MAC -> where frames to it go: out of the bridge, and to which VTEPs. */
function unicastEntries({ tunnels, bridged }: ForwardingState): Map<string, string> {
  const macs = new Set([...tunnels.keys(), ...bridged]);
  macs.delete(FLOOD_MAC);
  return new Map(
    [...macs].map((mac) => [mac, [bridged.has(mac), ...[...(tunnels.get(mac) ?? [])].sort()].join(' ')]),
  );
}

function compare(
  kind: RepairKind,
  observed: ReadonlyMap<string, string>,
  desired: ReadonlyMap<string, string>,
): Repair[] {
  const repairs: Repair[] = [];
  for (const [object, value] of desired) {
    const actual = observed.get(object);
    if (actual !== value) repairs.push({ kind, object, was: actual === undefined ? 'missing' : 'altered' });
  }
  for (const object of observed.keys()) {
    if (!desired.has(object)) repairs.push({ kind, object, was: 'extra' });
  }
  return repairs;
}
