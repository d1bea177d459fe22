/** Hops in a network's namespace on a host: what connects, and what forwards to the other end. Pure. */
import type { DeviceFacts, NetworkFacts } from '../dataplane/inspection.js';
import { shellWord } from '../shell-word.js';
import {
  doesNotApply,
  fault,
  type Judge,
  type Judgement,
  judgeFound,
  type LanExit,
  ok,
  restartOf,
  type Side,
  type Trace,
} from './trace.js';

/** The two ends are in a network together. */
export const judgeNetwork: Judge = (here, there, { network, exit }) => {
  const expected = 'both are in one network';
  if (network) return ok(expected, `${network.name} (${network.subnets.join(', ')})`);
  if (exit && (!here.container || !there.container)) return judgeByLan(expected, here, there, exit);
  const found = [here, there].map(placeOf).join('; ');
  if (!here.container || !there.container)
    return fault(
      expected,
      found,
      'publish a port of the container (docker run -p), or ask from a container beside it',
    );
  if (networksInDocker(here).includes('host'))
    return fault(
      expected,
      found,
      `it shares its host's network: xnet trace ${there.label} ${here.host.name}:PORT`,
    );
  const wanted = shellWord(there.networks[0] ?? 'NETWORK');
  return fault(expected, found, `docker network connect ${wanted} ${shellWord(here.container.name)}`);
};

/** A host and a container that is on a LAN, where ports are not published. */
function judgeByLan(expected: string, here: Side, there: Side, { name, isWithHost }: LanExit): Judgement {
  const container = here.container ? here : there;
  if (here.host.id !== there.host.id)
    return doesNotApply(
      expected,
      `${container.label} is on the LAN of ${name}: the host's own route decides`,
    );
  if (isWithHost)
    return doesNotApply(expected, `${name} has xnet.host=on: the host reaches ${container.label} beside it`);
  return fault(
    expected,
    `${container.label} is on the LAN of ${name}, where a host and its containers do not reach each other`,
    `ask from another host, or create ${name} anew with -o xnet.host=on`,
  );
}

function placeOf(side: Side): string {
  const { container, label } = side;
  if (!container) return `${label} is a host, in no network of containers`;
  const inDocker = networksInDocker(side);
  return inDocker.length > 0 ? `${label} is in ${inDocker.join(', ')}` : `${label} is in no network`;
}

/** Also those that are none of the cluster's, where its host has said so. */
function networksInDocker({ facts, networks }: Side): readonly string[] {
  const part = 'refusal' in facts ? undefined : facts.container;
  return part && 'found' in part ? part.found.networks : networks;
}

export const judgePort: Judge = (here, _there, trace) =>
  judgeInNetwork(here, trace, 'its port is on the bridge, up', (expected, facts) => {
    const { namespace, portName, port, bridge, ownEntry } = facts;
    const mac = here.endpoint?.mac ?? '';
    const set = `ip -n ${namespace} link set ${portName}`;
    if (!port) return fault(expected, `${portName} is missing`, restartOf(here));
    if (!port.isUp) return fault(expected, `${portName} is down`, `${set} up`);
    if (port.master !== bridge?.name || !bridge)
      return fault(expected, `${portName} is not a port of br0`, `${set} master br0`);
    if (ownEntry !== portName) {
      const found = `frames to ${mac} are not handed to ${portName}`;
      return fault(
        expected,
        found,
        `bridge -n ${namespace} fdb replace ${mac} dev ${portName} master static`,
      );
    }
    return ok(expected, `${portName} on ${bridge.name}`);
  });

export const judgeBridge: Judge = (here, _there, trace) =>
  judgeInNetwork(here, trace, 'the bridge is up', (expected, { namespace, bridge }) => {
    if (!bridge) return fault(expected, 'br0 is missing', restartOf(here));
    if (!bridge.isUp) return fault(expected, 'br0 is down', `ip -n ${namespace} link set br0 up`);
    return ok(expected, 'br0 is up');
  });

export const judgeTunnel: Judge = (here, _there, trace) =>
  judgeInNetwork(
    here,
    trace,
    `vxlan0 on the bridge, VNI ${trace.network?.vni}, from ${here.host.vtep}`,
    (expected, facts) => {
      const { namespace, tunnel } = facts;
      const set = `ip -n ${namespace} link set vxlan0`;
      if (!tunnel) return fault(expected, 'vxlan0 is missing', restartOf(here));
      const found = describeTunnel(tunnel);
      if (tunnel.vni !== trace.network?.vni)
        return fault(expected, found, `ip -n ${namespace} link del vxlan0; ${restartOf(here)}`);
      if (tunnel.vtep !== here.host.vtep)
        return fault(expected, found, `${set} type vxlan local ${here.host.vtep}`);
      if (!tunnel.isUp) return fault(expected, found, `${set} up`);
      if (tunnel.master !== 'br0') return fault(expected, found, `${set} master br0`);
      return ok(expected, found);
    },
  );

function describeTunnel({ isUp, master, vni, vtep, port }: DeviceFacts): string {
  const place = master === undefined ? 'on no bridge' : `on ${master}`;
  return `${isUp ? 'up' : 'down'}, ${place}, VNI ${vni}, from ${vtep}, UDP ${port}`;
}

/** ARP and ND for the other end are answered here. */
export const judgeNeighbour: Judge = (here, there, trace) =>
  judgeInNetwork(
    here,
    trace,
    `${addressTo(there, trace)} has the MAC ${there.endpoint?.mac}`,
    (expected, facts) => {
      const address = addressTo(there, trace);
      const mac = facts.neighbours[address];
      if (mac === there.endpoint?.mac) return ok(expected, `neighbour ${mac}`);
      const found = mac === undefined ? 'no neighbour entry' : `neighbour ${mac}`;
      return fault(
        expected,
        found,
        `ip -n ${facts.namespace} neigh replace ${address} lladdr ${there.endpoint?.mac} dev br0 nud permanent`,
      );
    },
  );

/** Frames to the other end's MAC go to its host. */
export const judgeFdb: Judge = (here, there, trace) =>
  judgeInNetwork(
    here,
    trace,
    `${there.endpoint?.mac} is behind ${there.host.vtep} (${there.host.name})`,
    (expected, facts) => {
      const { namespace, vteps, isBridged } = facts;
      const mac = there.endpoint?.mac ?? '';
      if (isBridged && vteps.length === 1 && vteps[0] === there.host.vtep)
        return ok(expected, `behind ${vteps[0]}`);
      const found =
        vteps.length === 0
          ? 'no FDB entry'
          : `behind ${vteps.join(', ')}${isBridged ? '' : ', and not on the bridge'}`;
      const forget = vteps.length > 1 ? `bridge -n ${namespace} fdb del ${mac} dev vxlan0 self; ` : '';
      const set = `bridge -n ${namespace} fdb replace ${mac} dev vxlan0 dst ${there.host.vtep} self master static`;
      return fault(expected, found, `${forget}${set}`);
    },
  );

function judgeInNetwork(
  here: Side,
  { network }: Trace,
  expected: string,
  judge: (expected: string, facts: NetworkFacts) => Judgement,
): Judgement {
  if (!network) return doesNotApply(expected, 'they have no network in common');
  if (!here.endpoint) return doesNotApply(expected, `${here.label} is not in ${network.name}`);
  return judgeFound(here, 'network', expected, (facts) => judge(expected, facts));
}

function addressTo(there: Side, { to, source, destination }: Trace): string {
  return there === to ? destination : (source ?? '');
}
