/** What of the tables of ports is not as the owners of these need it. Pure. */
import { type PortTable, type ReadPortTable, tableText } from '../../native/netfilter/ingress-chain.js';
import type { EndpointSpec } from '../dataplane.js';
import { interfaceName, sourcesTableName } from '../interface-names.js';
import type { PortOwner } from './port-rules.js';
import { stampedRules } from './stamped-rules.js';

export interface FilterPlan {
  /** Owners whose port has no table. */
  readonly missing: readonly PortOwner[];
  /** Owners whose port's table is to be written anew. */
  readonly altered: readonly PortOwner[];
  /** Tables of ports that are gone. */
  readonly stale: readonly string[];
}

/** `ports`: names of all devices there. A port of nobody keeps its table: the store may be wrong (an old backup). */
export function planFilter(
  networkId: string,
  tables: ReadonlyMap<string, Pick<ReadPortTable, 'text'>>,
  owners: readonly PortOwner[],
  ports: ReadonlySet<string>,
): FilterPlan {
  const textOf = ({ name }: PortOwner) => tables.get(sourcesTableName(networkId, name))?.text;
  const present = owners.filter(({ name }) => ports.has(name));
  const kept = new Set([...ports].map((name) => sourcesTableName(networkId, name)));
  return {
    missing: present.filter((owner) => textOf(owner) === undefined),
    altered: present.filter((owner) => {
      const text = textOf(owner);
      return text !== undefined && !text.equals(tableText(portTable(networkId, owner)));
    }),
    stale: [...tables.keys()].filter((table) => !kept.has(table)),
  };
}

export function ownerOf({ id, mac, addresses = [] }: EndpointSpec): PortOwner {
  return { name: interfaceName(id), mac, addresses };
}

export function portTable(networkId: string, owner: PortOwner): PortTable {
  const rules = stampedRules(owner).map((rule) => [rule]);
  return { table: sourcesTableName(networkId, owner.name), device: owner.name, rules };
}
