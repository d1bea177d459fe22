/** What a routed network's table has of the endpoints of this host, and what changes it. Pure. */
import { compareMaps, type Difference } from '../changes.js';
import { endpointNameOfOuterEnd } from './routed-names.js';
import type { TableChange } from './routed-table.js';
import { type Port, portElements, portLines, removedChain } from './table-layout.js';

type Elements = ReadonlyMap<string, string>;

/** They are written whatever is there: the table has the number of a device, which is another one when the device was made anew. */
export function attachPorts(table: string, ports: readonly Port[], observed: Elements): TableChange {
  const differences = ports.flatMap(portElements).map(([key, desired]): Difference<string> => {
    const known = observed.get(key);
    return { key, was: known === undefined ? 'missing' : 'altered', observed: known, desired };
  });
  return { lines: ports.flatMap((port) => portLines(table, port)), differences };
}

/** `names`: of the host's ends, whoever made them. */
export function detachPorts(table: string, names: readonly string[], observed: Elements): TableChange {
  const differences = [...observed].flatMap(([key, value]): Difference<string>[] => {
    if (!key.startsWith('port') || !names.includes(value)) return [];
    const mac = key.replace(/^port/, 'mac');
    return [key, mac].flatMap((each) => {
      const known = observed.get(each);
      return known === undefined ? [] : [{ key: each, was: 'extra', observed: known, desired: undefined }];
    });
  });
  return { lines: names.flatMap((name) => removedChain(table, name)), differences };
}

/**
 * What makes the table right for `ports`. `strangers`, whose ends are there too, keep what they have: the store may be wrong (an old
 * backup). `anew`: of `ports`, those whose ends were made anew.
 */
export function repairPorts(
  table: string,
  {
    ports,
    strangers,
    anew,
  }: {
    readonly ports: readonly Port[];
    readonly strangers: readonly string[];
    readonly anew: ReadonlySet<string>;
  },
  observed: Elements,
  chains: readonly string[],
): TableChange {
  const kept = new Set([...ports.map(({ name }) => name), ...strangers]);
  const unchained = ports.filter(({ name }) => anew.has(name) || !chains.includes(name));
  const stale = chains.filter((chain) => endpointNameOfOuterEnd(chain) !== undefined && !kept.has(chain));
  const written = attachPorts(table, unchained, observed);
  const rewritten = new Set(written.differences.map(({ key }) => key));
  const differences = compareMaps(ownElements(observed, strangers), new Map(ports.flatMap(portElements)));
  return {
    lines: [...stale.flatMap((chain) => removedChain(table, chain)), ...(written.lines ?? [])],
    differences: [...differences.filter(({ key }) => !rewritten.has(key)), ...written.differences],
  };
}

/** Those of this host's endpoints, but for strangers. */
function ownElements(observed: Elements, strangers: readonly string[]): Map<string, string> {
  const isOfStranger = (key: string) => strangers.includes(observed.get(key.replace(/^mac/, 'port')) ?? '');
  return new Map([...observed].filter(([key]) => /^(mac|port)[46] /.test(key) && !isOfStranger(key)));
}
