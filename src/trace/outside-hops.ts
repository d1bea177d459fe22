/** Hops of a packet that leaves the container's networks: to a host, or outside of the cluster. Pure. */
import type { GatewayFacts, InterfaceFacts, SandboxFacts } from '../dataplane/inspection.js';
import { IpAddress } from '../inet/ip-address.js';
import { Prefix } from '../inet/prefix.js';
import { shellWord } from '../shell-word.js';
import { enterOf } from './container-hops.js';
import { isOnLan } from './lan-hops.js';
import {
  doesNotApply,
  fault,
  type Judge,
  type Judgement,
  judgeFound,
  ok,
  type Side,
  type Trace,
} from './trace.js';

/** The container's own route leads to an address of its host, as Docker has made it. */
export const judgeDefaultRoute: Judge = (here, there, trace) => {
  const expected = `${there.label} is reached by an address of this host`;
  return judgeFound(here, 'sandbox', expected, ({ way, interfaces }) =>
    judgeFound(here, 'gateway', expected, ({ interfaces: hosts }) => {
      const { device, gateway, refusal } = way;
      const found = refusal ?? `by ${device}${gateway === undefined ? ', directly' : ` and ${gateway}`}`;
      const own = hosts.flatMap(({ addresses }) => addresses.map(plain));
      if (gateway !== undefined && own.includes(gateway)) return ok(expected, found);
      const right = gatewayFor(interfaces, own, trace);
      if (right !== undefined)
        return fault(expected, found, `${enterOf(here)} ip route replace default via ${right}`);
      const container = here.container?.name ?? '';
      const reason = trace.network?.isInternal
        ? `${trace.network.name} is internal`
        : 'it has no network that leads outside';
      return fault(expected, `${found}: ${reason}`, `docker network connect bridge ${shellWord(container)}`);
    }),
  );
};

/** The host's interface to the container (docker_gwbridge). */
export const judgeGatewayBridge: Judge = (here) => {
  const expected = "the host's end of it is up";
  return judgeAtGateway(here, expected, ({ name, isUp }) =>
    isUp ? ok(expected, `${name}, up`) : fault(expected, `${name} is down`, `ip link set ${name} up`),
  );
};

export const judgeForwarding: Judge = (here, _there, { destination }) => {
  const expected = 'the host forwards packets';
  const name = destination.includes(':') ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward';
  return judgeFound(here, 'gateway', expected, ({ forwards }) =>
    forwards ? ok(expected, `${name} is 1`) : fault(expected, `${name} is 0`, `sysctl -w ${name}=1`),
  );
};

export const judgeMasquerade: Judge = (here, _there, trace) => {
  const expected = "packets get the host's address";
  return judgeAtGateway(here, expected, ({ name, addresses }, { masquerade }) => {
    if (masquerade !== undefined) return ok(expected, masquerade);
    const subnets = addresses.map((each) => Prefix.parseInterface(each).prefix);
    const subnet = subnets.find(({ family }) => family === (trace.destination.includes(':') ? 6 : 4));
    const program = subnet?.family === 6 ? 'ip6tables' : 'iptables';
    const remedy = `${program} -t nat -A POSTROUTING -s ${subnet} ! -o ${name} -j MASQUERADE`;
    return fault(expected, 'no rule masquerades them', remedy);
  });
};

export const judgeHostRoute: Judge = (here, there) => {
  const expected = `the host has a route to ${there.label}`;
  return judgeFound(here, 'gateway', expected, ({ way: { device, gateway, refusal } }) => {
    if (refusal === undefined)
      return ok(expected, `by ${device}${gateway === undefined ? '' : ` and ${gateway}`}`);
    return fault(expected, refusal, 'give this host a default route: ip route add default via ROUTER');
  });
};

/** `end`: the host's interface that has the container's gateway. */
function judgeAtGateway(
  here: Side,
  expected: string,
  judge: (end: InterfaceFacts, facts: GatewayFacts) => Judgement,
): Judgement {
  return judgeFound(here, 'sandbox', expected, ({ way }) =>
    judgeFound(here, 'gateway', expected, (facts) => {
      const end = facts.interfaces.find(({ addresses }) =>
        addresses.some((each) => plain(each) === way.gateway),
      );
      return end
        ? judge(end, facts)
        : doesNotApply(expected, "the container's route does not lead to this host");
    }),
  );
}

/** Of the host's addresses the one on a link of the container: not one that both have on a LAN, where the host is no router. */
function gatewayFor(
  interfaces: SandboxFacts['interfaces'],
  own: readonly string[],
  { destination, exit }: Trace,
): string | undefined {
  const isIpv6 = destination.includes(':');
  const links = interfaces.flatMap(({ isUp, addresses }) => (isUp ? addresses : []));
  const prefixes = links.map((each) => Prefix.parseInterface(each).prefix);
  return own.find((each) => {
    if (each.includes(':') !== isIpv6 || /^fe80:/.test(each) || (exit && isOnLan(exit, each))) return false;
    const address = IpAddress.parse(each);
    return prefixes.some((prefix) => prefix.family === address.family && prefix.contains(address));
  });
}

function plain(address: string): string {
  return address.split('/')[0] ?? '';
}
