/** Hops of a host: whether its xnet runs, and the way between its VTEP and that of the other host. Pure. */
import type { UnderlayFacts } from '../dataplane/inspection.js';
import { IpAddress } from '../inet/ip-address.js';
import { raiseBetween, raiseInterface, tunnelOverhead } from '../inet/mtu-remedies.js';
import { Prefix } from '../inet/prefix.js';
import { shellWord } from '../shell-word.js';
import {
  doesNotApply,
  fault,
  type Judge,
  type Judgement,
  judgeFound,
  ok,
  type Side,
  unknown,
} from './trace.js';

const START = 'systemctl start xnet   # a managed plugin: docker plugin enable NAME';

export const judgeXnet: Judge = ({ host, facts }) => {
  const expected = 'xnet runs';
  if (host.state === 'silent')
    return fault(expected, 'no sign of life: what is below is as others know it', START);
  if (host.state === 'unknown') return unknown(expected, 'etcd does not answer');
  return 'refusal' in facts ? unknown(expected, facts.refusal) : ok(expected, 'it answers');
};

export const judgeVtep: Judge = (here, there) =>
  judgeUnderlayOf(
    here,
    there,
    `the host has its VTEP ${here.host.vtep}`,
    (expected, { interface: own, way }) => {
      const { vtep } = here.host;
      const length = vtep?.includes(':') ? 128 : 32;
      if (!own)
        return fault(
          expected,
          'no interface has this address',
          `ip addr add ${vtep}/${length} dev ${way.device ?? 'INTERFACE'}`,
        );
      if (!own.isUp) return fault(expected, `${own.name} is down`, `ip link set ${own.name} up`);
      return ok(expected, `${own.name}, up, MTU ${own.mtu}`);
    },
  );

/** The tunnel's packets have room for a whole packet of the container. */
export const judgeWay: Judge = (here, there, trace) => {
  const inner = interfaceMtu(here);
  const needed = inner === undefined ? undefined : inner + tunnelOverhead(there.host.vtep ?? '');
  const room = needed === undefined || !trace.network ? '' : `, with room for ${needed} bytes`;
  return judgeUnderlayOf(
    here,
    there,
    `a route to ${there.host.vtep ?? there.label}${room}`,
    (expected, { way, interface: own }) => {
      const { device, gateway, mtu, refusal } = way;
      if (refusal !== undefined)
        return fault(
          expected,
          refusal,
          `ip route add ${there.host.vtep} ${isOnLinkOf(own, there) ? `dev ${own?.name}` : 'via ROUTER'}`,
        );
      const found = `by ${device}${gateway === undefined ? '' : ` and ${gateway}`}, MTU ${mtu}`;
      if (room === '' || mtu === undefined || needed === undefined || mtu >= needed)
        return ok(expected, found);
      // The kernel has learned it of the path.
      if (own !== undefined && own.name === device && own.mtu >= needed)
        return fault(
          expected,
          `${found}, of ${own.mtu} that ${device} has`,
          `${raiseBetween(`${here.host.vtep}`, `${there.host.vtep}`, needed)}, then: ip route flush cache`,
        );
      return fault(expected, found, raiseInterface(shellWord(`${device}`), needed));
    },
  );
};

export const judgeFilter: Judge = (here, there, { network }) =>
  judgeUnderlayOf(
    here,
    there,
    `the tunnel filter takes packets from ${there.host.vtep}`,
    (expected, { filter }) => {
      if (!network) return doesNotApply(expected, 'no network is traced');
      if (!filter) return ok(expected, 'there is no filter: packets of all hosts are taken');
      if (!filter.knowsVni) return ok(expected, `it does not judge packets of VNI ${network.vni}`);
      if (filter.takesPeer) return ok(expected, 'it does');
      const set = there.host.vtep?.includes(':') ? 'vteps6' : 'vteps4';
      return fault(expected, 'it drops them', `nft add element inet xnet ${set} '{ ${there.host.vtep} }'`);
    },
  );

export const judgeHostFirewall: Judge = (here, there) =>
  judgeUnderlayOf(here, there, "no rule of the host drops the tunnel's packets", (expected, { drops }) => {
    const certain = drops.filter(({ isCertain }) => isCertain);
    const found = (rules: UnderlayFacts['drops']) => rules.map(({ rule }) => rule).join('; ');
    if (certain.length > 0)
      return fault(expected, found(certain), certain.map(({ remedy }) => remedy).join('; '));
    if (drops.length > 0) {
      const { remedy } = drops[0] as UnderlayFacts['drops'][number];
      return { ...unknown(expected, `${found(drops)}; the probe shows it`), remedy };
    }
    return ok(expected, 'none does');
  });

/** A strict check drops what comes in by another interface than answers would go out by. */
export const judgeReversePath: Judge = (here, there) =>
  judgeUnderlayOf(here, there, 'the reverse path check lets the packets pass', (expected, facts) => {
    const { reversePath, way, interface: own } = facts;
    if (here.host.vtep?.includes(':')) return doesNotApply(expected, 'the kernel checks IPv4 alone');
    const found = ['off', 'strict', 'loose'][reversePath] ?? `${reversePath}`;
    if (reversePath !== 1 || own === undefined || own.name === way.device) return ok(expected, found);
    return fault(
      expected,
      `${found}, and ${there.host.vtep} is reached by ${way.device}, while the VTEP is on ${own.name}`,
      // A dot in a name, as of a VLAN's interface, is a slash to sysctl(8).
      `sysctl -w net.ipv4.conf.${own.name.replaceAll('.', '/')}.rp_filter=2`,
    );
  });

function judgeUnderlayOf(
  here: Side,
  there: Side,
  expected: string,
  judge: (expected: string, facts: UnderlayFacts) => Judgement,
): Judgement {
  if (here.host.vtep === undefined || (there.host.id !== undefined && there.host.vtep === undefined))
    return unknown(expected, 'a host has no record in the cluster any more');
  return judgeFound(here, 'underlay', expected, (facts) => judge(expected, facts));
}

function interfaceMtu({ endpoint, facts }: Side): number | undefined {
  const part = 'refusal' in facts ? undefined : facts.sandbox;
  if (!part || !('found' in part)) return undefined;
  return part.found.interfaces.find(({ mac }) => mac === endpoint?.mac)?.mtu;
}

/** Without a router. */
function isOnLinkOf(own: UnderlayFacts['interface'], { host: { vtep } }: Side): boolean {
  if (!own || vtep === undefined) return false;
  const address = IpAddress.parse(vtep);
  const prefixes = own.addresses.map((each) => Prefix.parseInterface(each).prefix);
  return prefixes.some((prefix) => prefix.family === address.family && prefix.contains(address));
}
