/** Hops of a routed network: what its nft table in the host's namespace lets pass, and where it sends it. Pure. */
import type { RoutedFacts } from '../../dataplane/inspection.js';
import { addressOf } from '../own-interface.js';
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
} from '../trace.js';
import { judgeWay } from '../underlay-hops.js';
import { elementOf, routedWay, wayIn } from './routed-way.js';

export const judgeRoutedPort: Judge = (here, _there, trace) => {
  const own = addressOf(here, trace);
  const expected = `its port is up, and the network's table knows it by ${own}`;
  return judgeInTable(here, trace, expected, ({ table, hasTable, hasChain, portName, port, elements }) => {
    if (!port) return fault(expected, `${portName} is missing`, restartOf(here));
    if (!port.isUp) return fault(expected, `${portName} is down`, `ip link set ${portName} up`);
    if (!hasTable) return fault(expected, `the nft table netdev ${table} is gone`, restartOf(here));
    if (!hasChain) return fault(expected, `its chain in netdev ${table} is gone`, restartOf(here));
    const [mac, to] = [elements[elementOf('mac', own)], elements[elementOf('port', own)]];
    if (mac === here.endpoint?.mac && to === portName) return ok(expected, `${portName}, MAC ${mac}`);
    const found = `packets to ${own} go to ${to ?? 'no port'}, MAC ${mac ?? 'none'}`;
    return fault(expected, found, restartOf(here));
  });
};

/** Where packets to the other end go. */
export const judgeSending: Judge = (here, there, trace) => {
  const address = addressOf(there, trace);
  const isOneHost = here.host.id === there.host.id;
  const expected = `packets to ${address} go to ${isOneHost ? 'its port' : there.host.name}`;
  return judgeInTable(here, trace, expected, (facts) => {
    const way = wayIn(facts, address);
    const mac = way && facts.elements[elementOf(way === 'local' ? 'mac' : way, address)];
    if (way === undefined || mac === undefined)
      return fault(expected, `the table does not know ${address}`, restartOf(here));
    if (isOneHost !== (way === 'local')) {
      const found = way === 'local' ? 'to a container of this host' : 'to another host';
      return fault(expected, found, restartOf(here));
    }
    if (way === 'local') return ok(expected, `MAC ${mac}`);
    const why = facts.why === undefined ? '' : `: ${facts.why}`;
    if (way === 'direct') return judgeDirect(here, there, expected, mac, why);
    return judgeThroughTunnel(there, expected, facts, mac, why);
  });
};

function judgeDirect(here: Side, there: Side, expected: string, mac: string, why: string): Judgement {
  const wanted = underlayMac(there);
  if (wanted === undefined || wanted === mac) return ok(expected, `straight to MAC ${mac}${why}`);
  return fault(
    expected,
    `straight to MAC ${mac}, while ${there.host.name} has ${wanted}`,
    `ip neigh flush to ${there.host.vtep}; ${restartOf(here)}`,
  );
}

function judgeThroughTunnel(
  there: Side,
  expected: string,
  { entries, tunnelName }: RoutedFacts,
  mac: string,
  why: string,
): Judgement {
  const { vtep, name } = there.host;
  const to = entries[mac];
  if (to === vtep) return ok(expected, `through the tunnel to ${to}${why}`);
  return fault(
    expected,
    to === undefined ? `the tunnel has no FDB entry for ${mac} (${name})` : `through the tunnel to ${to}`,
    `bridge fdb replace ${mac} dev ${tunnelName} dst ${vtep} self permanent`,
  );
}

/** Packets of the other end are taken by the MAC from which they come: of its host, or of that in the tunnel. */
export const judgeTaking: Judge = (here, there, trace) => {
  const source = addressOf(there, trace);
  const way = routedWay(there, addressOf(here, trace));
  const mac = way === 'direct' ? underlayMac(there) : way === 'tunnel' ? tunnelMacOf(there) : undefined;
  const expected = `packets from ${source} are taken${mac === undefined ? '' : ` from MAC ${mac}`}`;
  return judgeInTable(here, trace, expected, ({ elements }) => {
    const prefix = `${elementOf('from', source)} . `;
    const taken = Object.keys(elements).flatMap((name) =>
      name.startsWith(prefix) ? [name.slice(prefix.length)] : [],
    );
    const found = taken.length === 0 ? 'from nobody' : `from ${taken.join(', ')}`;
    if (taken.length === 0) return fault(expected, found, restartOf(here));
    if (mac === undefined) return unknown(expected, `${found}; from where they come is not known`);
    if (taken.includes(mac)) return ok(expected, found);
    const flush = way === 'direct' ? `ip neigh flush to ${there.host.vtep}; ` : '';
    return fault(expected, found, `${flush}${restartOf(here)}`);
  });
};

export const judgeRoutedTunnel: Judge = (here, _there, trace) => {
  const expected = `the network's tunnel is up, VNI ${trace.network?.vni}, from ${here.host.vtep}`;
  return judgeInTable(here, trace, expected, ({ tunnel, tunnelName }) => {
    if (!tunnel) return fault(expected, `${tunnelName} is missing`, restartOf(here));
    const { vni, vtep, port, isUp } = tunnel;
    const found = `${tunnelName}, ${isUp ? 'up' : 'down'}, VNI ${vni}, from ${vtep}, UDP ${port}`;
    if (vni !== trace.network?.vni || vtep !== here.host.vtep)
      return fault(expected, found, `ip link del ${tunnelName}; ${restartOf(here)}`);
    return isUp ? ok(expected, found) : fault(expected, found, `ip link set ${tunnelName} up`);
  });
};

/** Without room for what the tunnel adds: it sends larger packets in fragments. */
export const judgeRoutedUnderlay: Judge = (here, there, { network: _, ...trace }) =>
  judgeWay(here, there, trace);

/** A hop of the tunnel's packets alone. */
export function ifTunnelled(judge: Judge): Judge {
  return (here, there, trace) => {
    const judgement = judge(here, there, trace);
    const { from, to, source, destination } = trace;
    const ways = [routedWay(from, destination), routedWay(to, source)];
    if (!ways.every((way) => way === 'direct')) return judgement;
    return doesNotApply(judgement.expected, 'the packets go straight, past the firewall and the tunnel');
  };
}

function judgeInTable(
  here: Side,
  { network }: Trace,
  expected: string,
  judge: (facts: RoutedFacts) => Judgement,
): Judgement {
  if (!here.endpoint) return doesNotApply(expected, `${here.label} is not in ${network?.name}`);
  return judgeFound(here, 'routed', expected, judge);
}

function underlayMac({ facts }: Side): string | undefined {
  const part = 'refusal' in facts ? undefined : facts.underlay;
  return part && 'found' in part ? part.found.interface?.mac : undefined;
}

function tunnelMacOf({ facts }: Side): string | undefined {
  const part = 'refusal' in facts ? undefined : facts.routed;
  return part && 'found' in part ? part.found.tunnelMac : undefined;
}
