/** The policies that let pass the connections that were seen. Pure. */
import type { Labels } from '../../model/policy/labels.js';
import type { PolicyDocument } from '../../model/policy/policy.js';

export interface SeenConnection {
  readonly from: LabelledEnd;
  readonly to: LabelledEnd;
  readonly protocol: string;
  readonly port: number;
}

export interface LabelledEnd {
  readonly name: string;
  readonly labels: Labels;
}

/** The first of these labels that a container has selects it; a container with none of them is in no policy. */
const TELLING = [
  'app',
  'app.kubernetes.io/name',
  'com.docker.compose.service',
  'com.docker.swarm.service.name',
];

/**
 * One policy for each kind of container that was reached, to be read before it is applied. `unsaid`: connections with an end that has
 * no label by which to name it.
 */
export function policiesFromTraffic(
  network: string,
  connections: readonly SeenConnection[],
): { policies: PolicyDocument[]; unsaid: string[] } {
  const unsaid = new Set<string>();
  /** Who is reached -> by whom -> on which ports. */
  const reached = new Map<string, Map<string, Set<string>>>();
  for (const { from, to, protocol, port } of connections) {
    const [source, target] = [telling(from.labels), telling(to.labels)];
    const at = `${port}/${protocol}`;
    if (!source || !target) unsaid.add(`${from.name} -> ${to.name}:${at}`);
    else
      entry(
        entry(reached, target, () => new Map()),
        source,
        () => new Set<string>(),
      ).add(at);
  }
  const policies = [...reached].sort(byKey).map(([target, sources]) => ({
    policy: nameOf(network, target),
    network,
    to: JSON.parse(target) as Record<string, string>,
    allow: [...sources].sort(byKey).map(([source, ports]) => ({
      from: JSON.parse(source) as Record<string, string>,
      ports: [...ports].sort(),
    })),
  }));
  return { policies, unsaid: [...unsaid].sort() };
}

function telling(labels: Labels): string | undefined {
  const key = TELLING.find((each) => Object.hasOwn(labels, each));
  return key && JSON.stringify({ [key]: labels[key] });
}

function nameOf(network: string, target: string): string {
  const [value] = Object.values(JSON.parse(target) as Record<string, string>);
  const name = `${network}-${value}`.toLowerCase().replace(/[^a-z0-9_.-]+/g, '-');
  return name
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63)
    .replace(/[^a-z0-9]+$/, '');
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

function byKey([one]: [string, unknown], [other]: [string, unknown]): number {
  return one < other ? -1 : 1;
}
