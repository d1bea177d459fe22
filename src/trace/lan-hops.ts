/** Hops of a network that is on a LAN: the interface of a host that leads there, and who answers on it. Pure. */
import type { InterfaceFacts } from '../dataplane/inspection.js';
import { IpAddress } from '../inet/ip-address.js';
import { Prefix } from '../inet/prefix.js';
import { shellWord } from '../shell-word.js';
import { enterOf } from './container-hops.js';
import { plain } from './own-interface.js';
import {
  doesNotApply,
  fault,
  type Judge,
  judgeFound,
  type LanExit,
  ok,
  type Side,
  type Trace,
} from './trace.js';

const NOT_SENT = 'the container has not asked for it lately; the probe below does';

/** Between two hosts: the network leads from one to the other. */
export const judgeSegment: Judge = (_here, _there, { network, from, to }) => {
  const expected = 'the network leads to the other host';
  if (network?.parent !== undefined) return ok(expected, `by the LAN behind ${network.parent}`);
  return fault(
    expected,
    `${network?.name} has no parent: it is inside each host, and ${from.label} and ${to.label} are on two`,
    'start both on one host, or create the network anew with -o parent=INTERFACE',
  );
};

export const judgeParent: Judge = (here, _there, trace) => {
  const expected = "the LAN's interface is there and up, with a carrier";
  const named = trace.network?.parent ?? trace.exit?.parent;
  if (named === undefined) return doesNotApply(expected, 'the network is inside each host');
  return judgeFound(here, 'lan', expected, ({ parent }) => {
    if (!parent) {
      const remedy = `make the interface, or name the one that leads there: "parents": { "${named}": "INTERFACE" } in xnet.json`;
      return fault(expected, `this host has no interface ${named}`, remedy);
    }
    const { interface: name, isUp, down = name, hasCarrier, mtu } = parent;
    if (!isUp) return fault(expected, `${down} is down`, `ip link set ${shellWord(down)} up`);
    if (!hasCarrier)
      return fault(expected, `${name} has no carrier`, 'look at its cable, and at the switch behind it');
    return ok(expected, `${name}, up, MTU ${mtu}`);
  });
};

/** What the container has learned of the other one's address. */
export const judgeLanAnswer: Judge = (here, there, trace) => {
  const address = there === trace.to ? trace.destination : (trace.source ?? '');
  const mac = trace.network?.mode === 'macvlan' ? there.endpoint?.mac : undefined;
  const expected = `the LAN answers for ${address}${mac === undefined ? '' : ` with ${mac}`}`;
  return judgeFound(here, 'sandbox', expected, ({ neighbour }) => {
    if (neighbour?.address !== address || neighbour.mac === undefined)
      return doesNotApply(expected, NOT_SENT);
    if (mac === undefined || neighbour.mac === mac) return ok(expected, neighbour.mac);
    const remedy = `another device has the address: give the one with ${neighbour.mac} another one, then ${enterOf(here)} ip neigh flush to ${address}`;
    return fault(expected, neighbour.mac, remedy);
  });
};

/** A container's route to what is on its LAN, or behind the LAN's gateway. */
export const judgeLanRoute: Judge = (here, there, { exit, destination }) =>
  judgeFound(here, 'sandbox', `${there.label} is reached by the LAN`, ({ way: { device, gateway } }) => {
    if (gateway !== undefined)
      return ok(
        `${there.label} is reached by the gateway of the LAN`,
        `by ${device} and ${gateway}, gateway of ${exit?.name}`,
      );
    const expected = `${there.label} is reached directly, on the LAN`;
    return kept(expected, here, exit, destination) ?? ok(expected, `by ${device}, in ${exit?.name}`);
  });

export const judgeLanGateway: Judge = (here, _there, { exit }) => {
  const expected = "the LAN's gateway answers";
  return judgeFound(here, 'sandbox', expected, ({ way, neighbour }) => {
    const { gateway } = way;
    if (gateway === undefined) return doesNotApply(expected, 'the packet needs none');
    const own = kept(expected, here, exit, gateway);
    if (own) return own;
    if (neighbour?.mac !== undefined && neighbour.address === gateway)
      return ok(expected, `${gateway} has ${neighbour.mac}`);
    return doesNotApply(expected, `${gateway}: ${NOT_SENT}`);
  });
};

/** The kernel passes nothing between an interface and what is on it; undefined: the address is not the host's, or it does. */
function kept(expected: string, here: Side, exit: LanExit | undefined, address: string) {
  const isOfHost = hostInterfaces(here).some(({ addresses }) =>
    addresses.some((each) => plain(each) === address),
  );
  if (!isOfHost || exit?.isWithHost) return undefined;
  return fault(
    expected,
    `${address} is an address of this host, which it and its containers do not reach of each other`,
    `create ${exit?.name} anew with -o xnet.host=on, or with the --gateway of the LAN if that was meant`,
  );
}

function hostInterfaces({ facts }: Side): readonly InterfaceFacts[] {
  const part = 'refusal' in facts ? undefined : facts.gateway;
  return part && 'found' in part ? part.found.interfaces : [];
}

/** Whether the container's own route to the destination leads to its LAN, or to a gateway there. */
export function leavesByLan({ facts }: Side, { exit, destination }: Trace): boolean {
  const part = 'refusal' in facts ? undefined : facts.sandbox;
  if (!exit || !part || !('found' in part)) return false;
  const { gateway, refusal } = part.found.way;
  if (gateway !== undefined) return exit.gateways.includes(gateway);
  return refusal === undefined && isOnLan(exit, destination);
}

export function isOnLan({ subnets }: Pick<LanExit, 'subnets'>, address: string): boolean {
  const wanted = IpAddress.parse(address);
  return subnets
    .map((subnet) => Prefix.parse(subnet))
    .some((prefix) => prefix.family === wanted.family && prefix.contains(wanted));
}
