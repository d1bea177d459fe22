/** Who reaches whom: many pings at once, one command a host. */
import type { Lab } from '../support/lab/lab.js';
import { pick, type Random } from '../support/random.js';
import { addressesOf } from './invariants.js';
import { type Container, foreignPairs, type Model, reachingPairs, sharedNetworks } from './model.js';
import type { SeenContainer, SeenHost } from './observe.js';

/** A ping, repeated until it is answered: of a loaded machine a single packet may be lost. */
interface Probe {
  readonly from: SeenContainer;
  /** Address or name. */
  readonly target: string;
  readonly to: string;
  /** The addresses that the target may stand for. */
  readonly addresses: readonly string[];
  /** It must be answered; or must not. */
  readonly answered: boolean;
}

const ANSWER_SECONDS = 2;
const SILENCE_SECONDS = 1;

/**
 * For each probe a line: number, exit code of ping, the address that was pinged. In the container's network and mount
 * namespaces, as `docker exec` would be, which takes 0.3 s each.
 */
const SCRIPT = `
  probe() {
    said=$(nsenter -t "$2" -n -m -r -w ping -n -q -c 1 -i 0.2 -w "$3" "$4" 2>&1); code=$?
    address=\${said#*\\(}; echo "$1 $code \${address%%\\)*}" | head -n 1
  }
  for what; do probe $what & done; wait`;

/** In quiet: each running container reaches each of its networks by its name there; and some that it must not, not. */
export async function findWrongReach(
  lab: Lab,
  model: Model,
  hosts: readonly SeenHost[],
  random: Random,
): Promise<string[]> {
  const seen = seenContainers(hosts);
  const probes = [
    ...reachingPairs(model).flatMap(([from, to]) => nameProbes(from, to, seen)),
    ...foreignPairs(model)
      .filter(() => random() < FOREIGN_SHARE)
      .flatMap(([from, to]) => foreignProbes(from, to, seen, random)),
  ];
  return probeAll(lab, probes);
}

/** Of the pairs that may not reach each other so many are tried each time. */
const FOREIGN_SHARE = 0.3;

/** At any time: those that nothing has disturbed since they were last seen to reach each other still do. */
export async function findBrokenPaths(lab: Lab, model: Model, hosts: readonly SeenHost[]): Promise<string[]> {
  const seen = seenContainers(hosts);
  const probes = reachingPairs(model, true).flatMap(([from, to]) => addressProbes(from, to, seen));
  return probeAll(lab, probes);
}

type Seen = ReadonlyMap<string, SeenContainer>;

function seenContainers(hosts: readonly SeenHost[]): Seen {
  const running = hosts.flatMap(({ containers }) => containers).filter((container) => container.running);
  return new Map(running.map((container) => [container.name, container]));
}

/** Those that do not run as they should are found elsewhere. */
function nameProbes(one: Container, other: Container, seen: Seen): Probe[] {
  const [from, to] = [seen.get(one.name), seen.get(other.name)];
  if (!from || !to) return [];
  const shared = sharedNetworks(one, other);
  const probe = (target: string, networks: readonly string[]) => ({
    ...{ from, target, to: other.name, answered: true },
    addresses: networks.flatMap((network) => addressesOf(to, network)),
  });
  return [
    ...shared.map((network) => probe(`${other.name}.${network}`, [network])),
    probe(other.name, shared),
  ];
}

function addressProbes(one: Container, other: Container, seen: Seen): Probe[] {
  const [from, to] = [seen.get(one.name), seen.get(other.name)];
  if (!from || !to) return [];
  return sharedNetworks(one, other)
    .flatMap((network) => addressesOf(to, network))
    .map((target) => ({ from, target, to: other.name, addresses: [target], answered: true }));
}

function foreignProbes(one: Container, other: Container, seen: Seen, random: Random): Probe[] {
  const [from, to] = [seen.get(one.name), seen.get(other.name)];
  const addresses = to ? addressesOf(to).filter((address) => address !== '') : [];
  if (!from || addresses.length === 0) return [];
  const target = pick(random, addresses);
  return [{ from, target, to: other.name, addresses: [target], answered: false }];
}

async function probeAll(lab: Lab, probes: readonly Probe[]): Promise<string[]> {
  const wrong = await Promise.all(
    lab.hosts.map((host) =>
      probeFrom(
        lab,
        host,
        probes.filter(({ from }) => from.host === host),
      ),
    ),
  );
  return wrong.flat();
}

async function probeFrom(lab: Lab, host: string, probes: readonly Probe[]): Promise<string[]> {
  if (probes.length === 0) return [];
  const orders = probes.map(({ from, target, answered }, index) => {
    return `${index} ${from.pid} ${answered ? ANSWER_SECONDS : SILENCE_SECONDS} ${target}`;
  });
  const output = await lab.in(host, 'sh', '-c', SCRIPT, 'sh', ...orders);
  const results = new Map(
    output.split('\n').map((line) => {
      const [index, code, address = ''] = line.split(' ');
      return [Number(index), { answered: code === '0', address }];
    }),
  );
  return probes.flatMap((probe, index) => describeWrong(probe, results.get(index)));
}

function describeWrong(
  { from, target, to, addresses, answered }: Probe,
  result: { readonly answered: boolean; readonly address: string } | undefined,
): string[] {
  const pair = `${from.name} on ${from.host} pings ${target}${target === to ? '' : ` of ${to}`}`;
  if (!result) return [`${pair}: no result`];
  if (answered && !result.answered) return [`${pair} (${result.address}): no answer`];
  if (!answered && result.answered) return [`${pair}: answered, across networks`];
  if (answered && !addresses.includes(result.address))
    return [`${pair}: is ${result.address}, should be ${addresses.join(' or ')}`];
  return [];
}
