/** The policies that let pass the connections that were seen. Pure. */
import type { Labels } from '../../model/policy/labels.js';
import {
  LONGEST_NAME,
  MOST_PORTS,
  MOST_RULES,
  type PolicyDocument,
  type PolicyRule,
} from '../../model/policy/policy.js';

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
 * One policy for each kind of container that was reached, or several where one cannot say so much, to be read before they are applied.
 * `unsaid`: connections with an end that has no label by which to name it.
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
  const taken = new Set<string>();
  const policies = [...reached].sort(byKey).flatMap(([target, sources]) =>
    // A container is reached by what any of its policies allows.
    divided(rulesOf(sources), MOST_RULES).map((allow) => ({
      policy: nameOf(network, target, taken),
      network,
      to: JSON.parse(target) as Record<string, string>,
      allow,
    })),
  );
  return { policies, unsaid: [...unsaid].sort() };
}

function rulesOf(sources: ReadonlyMap<string, ReadonlySet<string>>): PolicyRule[] {
  return [...sources].sort(byKey).flatMap(([source, ports]) =>
    divided([...ports].sort(), MOST_PORTS).map((some) => ({
      from: JSON.parse(source) as Record<string, string>,
      ports: some,
    })),
  );
}

function divided<T>(items: readonly T[], most: number): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < items.length; at += most) pieces.push(items.slice(at, at + most));
  return pieces;
}

function telling(labels: Labels): string | undefined {
  const key = TELLING.find((each) => Object.hasOwn(labels, each));
  return key && JSON.stringify({ [key]: labels[key] });
}

/** One that is not taken, which it is then: from the second on with a number. */
function nameOf(network: string, target: string, taken: Set<string>): string {
  const [value] = Object.values(JSON.parse(target) as Record<string, string>);
  const whole = `${network}-${value}`.toLowerCase().replace(/[^a-z0-9_.-]+/g, '-');
  const named = (suffix: string) =>
    whole
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, LONGEST_NAME - suffix.length)
      .replace(/[^a-z0-9]+$/, '') + suffix;
  let name = named('');
  for (let n = 2; taken.has(name); n += 1) name = named(`-${n}`);
  taken.add(name);
  return name;
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

function byKey([one]: [string, unknown], [other]: [string, unknown]): number {
  return one < other ? -1 : 1;
}
