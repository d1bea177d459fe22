/** Hops in a container's network namespace, and its state in Docker. Pure. */
import type { InterfaceFacts, SandboxFacts } from '../dataplane/inspection.js';
import { shellWord } from '../shell-word.js';
import { addressOf, hasAddress, macOf, ownAddress, ownInterface, plain, subnetOf } from './own-interface.js';
import {
  doesNotApply,
  fault,
  type Judge,
  type Judgement,
  judgeFound,
  ok,
  restartOf,
  type Side,
  type Trace,
  unknown,
} from './trace.js';

const NO_CONTAINER = 'no container: it has no namespace of its own';

export const judgeContainer: Judge = (here) => {
  const { container } = here;
  const expected = 'the container runs';
  if (!container) return doesNotApply(expected, NO_CONTAINER);
  return judgeFound(here, 'container', expected, ({ state }) => {
    if (state === 'running') return ok(expected, 'running');
    return fault(
      expected,
      state,
      `docker ${state === 'paused' ? 'unpause' : 'start'} ${shellWord(container.name)}`,
    );
  });
};

export const judgeName: Judge = (here, there, { name, destination }) => {
  const expected = name === undefined ? 'the name is looked up' : `${name} is ${destination}`;
  if (name === undefined)
    return doesNotApply(expected, `${there.label} was not given by a name of the network`);
  return judgeFound(here, 'name', expected, ({ addresses, failure }) => {
    if (addresses.includes(destination)) return ok(expected, addresses.join(', '));
    if (failure !== undefined)
      return fault(expected, `the container's resolver: ${failure}`, restartOf(here));
    return fault(expected, addresses.join(', ') || 'no such name', restartOf(here));
  });
};

export const judgeInterface: Judge = (here, _there, trace) => {
  const wanted = ownAddress(here, trace);
  const expected = `an interface with ${wanted ?? 'an address of the network'}, up`;
  if (!here.endpoint || wanted === undefined) return notInNetwork(expected, here, trace);
  return judgeFound(here, 'sandbox', expected, ({ interfaces }) => {
    const enter = enterOf(here);
    const own = ownInterface(interfaces, here, trace) ?? interfaces.find((each) => hasAddress(each, wanted));
    const mac = macOf(here, trace) ?? own?.mac;
    if (!own) {
      const found = `no interface with the MAC ${here.endpoint?.mac}`;
      return fault(expected, found, restartOf(here));
    }
    const { name, addresses, mtu } = own;
    const device = shellWord(name);
    const found = `${name}, ${own.isUp ? 'up' : 'down'}, ${addresses.join(', ') || 'no address'}, MTU ${mtu}`;
    if (own.mac !== mac)
      return fault(
        expected,
        `${found}, MAC ${own.mac} instead of ${mac}`,
        `${enter} ip link set ${device} address ${mac}`,
      );
    if (!own.isUp) return fault(expected, found, `${enter} ip link set ${device} up`);
    if (addresses.includes(wanted)) return ok(expected, found);
    const wrong = addresses.filter((each) => plain(each) === plain(wanted));
    const removals = wrong.map((each) => `${enter} ip addr del ${each} dev ${device}; `);
    return fault(expected, found, `${removals.join('')}${enter} ip addr add ${wanted} dev ${device}`);
  });
};

/** To the other end: directly, by the interface of the network. */
export const judgeRoute: Judge = (here, there, trace) => {
  const destination = addressOf(there, trace);
  const expected = `${destination} is reached directly, by the network's interface`;
  if (!here.endpoint || !there.endpoint) return notInNetwork(expected, here, trace);
  return judgeFound(here, 'sandbox', expected, (sandbox) => {
    const own = ownInterface(sandbox.interfaces, here, trace);
    const { device, gateway, refusal } = sandbox.way;
    const found = refusal ?? `by ${device}${gateway === undefined ? '' : ` and the gateway ${gateway}`}`;
    if (!own) return unknown(expected, `${found}; the network's interface is missing`);
    if (device === own.name && gateway === undefined) return ok(expected, found);
    const { verdict } = judgeInterface(here, there, trace);
    if (verdict !== 'ok') return doesNotApply(expected, `${found}: comes of the interface's fault`);
    return fault(expected, found, routeRemedy(here, own, sandbox, trace, destination));
  });
};

function routeRemedy(
  here: Side,
  { name, addresses }: InterfaceFacts,
  { routes }: SandboxFacts,
  trace: Trace,
  destination: string,
): string {
  const subnet = subnetOf(trace, destination) ?? destination;
  const isThere = routes.some((each) => each.destination === subnet && each.device === name);
  const source = addresses.map(plain).find((each) => subnetOf(trace, each) === subnet);
  const wanted = isThere ? destination : subnet;
  return `${enterOf(here)} ip route replace ${wanted} dev ${shellWord(name)}${source === undefined ? '' : ` src ${source}`}`;
}

/** Rules in the container's own namespace, for the packet and its answer. */
export const judgeOwnFirewall: Judge = (here) => {
  const expected = 'no rule in the container drops it';
  if (!here.container) return doesNotApply(expected, NO_CONTAINER);
  return judgeFound(here, 'sandbox', expected, ({ drops }) => {
    const certain = drops.filter(({ isCertain }) => isCertain);
    const [first] = certain;
    if (first) {
      const found = certain.map(({ rule }) => rule).join('; ');
      return fault(
        expected,
        found,
        [...new Set(certain.map(({ remedy }) => `${enterOf(here)} ${remedy}`))].join('; '),
      );
    }
    const [doubtful] = drops;
    if (!doubtful) return ok(expected, 'none does');
    return unknown(expected, `${doubtful.rule} may: it compares what xnet does not read; the probe shows it`);
  });
};

export const judgeListener: Judge = (here, _there, { protocol, port, destination }) => {
  if (protocol === 'icmp' || port === undefined)
    return doesNotApply('a program waits at the port', 'no port was asked for (xnet trace A B:PORT)');
  const expected = `a program waits at ${protocol.toUpperCase()} ${port}`;
  if (!here.container) return doesNotApply(expected, NO_CONTAINER);
  return judgeFound(here, 'sandbox', expected, ({ listeners }) => {
    const same = listeners.filter((each) => each.protocol === protocol);
    const there = same.filter((each) => each.port === port);
    const any = destination.includes(':') ? ['::'] : ['0.0.0.0', '::'];
    const reached = there.find(({ address }) => [...any, destination].includes(address));
    if (reached) return ok(expected, `at ${reached.address}`);
    const [other] = there;
    if (other)
      return fault(
        expected,
        `only at ${other.address}, which other containers do not reach`,
        `have the program in ${here.label} listen at ${any[0]} or ${destination}`,
      );
    const others = [...new Set(same.filter(isForOthers).map((each) => each.port))].join(', ');
    const remedy =
      others === ''
        ? `start the program in ${here.label} that shall listen there`
        : `ask for a port that is there: ${others}`;
    return fault(expected, 'nothing listens there', remedy);
  });
};

function isForOthers({ address }: SandboxFacts['listeners'][number]): boolean {
  return !/^127\.|^::1$/.test(address);
}

function notInNetwork(expected: string, here: Side, { network }: Trace): Judgement {
  if (!here.container) return doesNotApply(expected, NO_CONTAINER);
  return doesNotApply(
    expected,
    network ? `${here.label} is not in ${network.name}` : 'they have no network in common',
  );
}

/** Command words that enter the container's namespace. */
export function enterOf({ facts, container }: Side): string {
  const part = 'refusal' in facts ? undefined : facts.container;
  const path = part && 'found' in part ? part.found.sandboxPath : undefined;
  return `nsenter --net=${path !== undefined ? shellWord(path) : `$(docker inspect -f '{{.NetworkSettings.SandboxKey}}' ${shellWord(container?.name ?? '')})`}`;
}
