/** Hops of a network that is on a LAN: the interface of a host that leads there, and who answers on it. Pure. */
import { shellWord } from '../shell-word.js';
import { enterOf } from './container-hops.js';
import { doesNotApply, fault, type Judge, judgeFound, ok, type Side, type Trace } from './trace.js';

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

/** The default route of a container whose way out is a LAN. */
export const judgeLanRoute: Judge = (here, there, { exit }) => {
  const expected = `${there.label} is reached by the gateway of the LAN`;
  return judgeFound(here, 'sandbox', expected, ({ way: { device, gateway } }) =>
    ok(expected, `by ${device} and ${gateway}, gateway of ${exit?.name}`),
  );
};

export const judgeLanGateway: Judge = (here) => {
  const expected = "the LAN's gateway answers";
  return judgeFound(here, 'sandbox', expected, ({ way, neighbour }) => {
    if (neighbour?.mac !== undefined && neighbour.address === way.gateway)
      return ok(expected, `${way.gateway} has ${neighbour.mac}`);
    return doesNotApply(expected, `${way.gateway}: ${NOT_SENT}`);
  });
};

/** Whether the container's own route to the destination leads to a gateway of a LAN. */
export function leavesByLan({ facts }: Side, { exit }: Trace): boolean {
  const part = 'refusal' in facts ? undefined : facts.sandbox;
  const gateway = part && 'found' in part ? part.found.way.gateway : undefined;
  return gateway !== undefined && (exit?.gateways.includes(gateway) ?? false);
}
