/** Faults of the way that packets go: on h1, where a container runs, or on h3, where none does. */
import { createMirroredNetwork } from '../containers/containers.js';
import type { Lab } from '../lab/lab.js';
import { type Fault, sh } from './fault.js';

const FIREWALL = 'nft add table inet fw; nft add chain inet fw input';
const INPUT = '{ type filter hook input priority 0; policy accept; }';
const LEFTOVER = 'xnet-0123456789ab';

/** Makes a device that leads nowhere, and lets packets to h2 leave by it. */
const detour = async (lab: Lab) => {
  const tunnel = 'ip link add tun9 type veth peer tun8 && ip link set tun9 up && ip link set tun8 up';
  await sh('h1', `${tunnel} && ip route add ${await lab.ip('h2')} dev tun9`)(lab);
};
const endDetour = sh(
  'h1',
  'ip link del tun9; ip route flush table main proto boot scope link; sysctl -w net.ipv4.conf.eth0.rp_filter=0',
);

export const PACKET_FAULTS: readonly Fault[] = [
  {
    ...{ name: 'the kernel does not forward', on: 'h1', check: 'kernel' },
    inject: sh('h1', 'sysctl -w net.ipv4.ip_forward=0'),
    found: /ip_forward is 0: containers reach nothing outside/,
  },
  {
    ...{ name: 'a route drops what goes to a host', on: 'h1', check: 'routes' },
    inject: async (lab) => sh('h1', `ip route add blackhole ${await lab.ip('h2')}`)(lab),
    found: /this host has no way to host h2 \(\S+\)/,
  },
  {
    ...{ name: "a VPN's route takes what goes to a host", on: 'h1', check: 'routes', verdict: 'warning' },
    inject: detour,
    found: /packets to host h2 \(\S+\) leave by tun9, not by eth0/,
    after: endDetour,
  },
  {
    ...{ name: 'the same, and rp_filter drops what comes back', on: 'h1', check: 'routes' },
    inject: async (lab) => {
      await detour(lab);
      await sh('h1', 'sysctl -w net.ipv4.conf.eth0.rp_filter=1')(lab);
    },
    found: /those from there are dropped, since rp_filter of eth0 is strict/,
    after: endDetour,
  },
  {
    ...{ name: 'nft drops UDP 4789', on: 'h1', check: 'firewall' },
    inject: sh('h1', `${FIREWALL} '${INPUT}'; nft add rule inet fw input udp dport '{ 53, 4789 }' drop`),
    found: /nft rule \d+ in inet fw/,
  },
  {
    ...{ name: 'iptables-legacy drops UDP 4789', on: 'h1', check: 'firewall' },
    inject: sh('h1', 'iptables-legacy -A INPUT -p udp --dport 4789 -j DROP'),
    found: /iptables-legacy INPUT .*4789/,
  },
  {
    ...{ name: 'iptables-nft drops UDP 4789', on: 'h1', check: 'firewall' },
    inject: sh('h1', 'iptables-nft -t raw -A PREROUTING -p udp -m multiport --dports 53,4789 -j DROP'),
    found: /iptables-nft PREROUTING/,
  },
  {
    ...{ name: 'a chain drops what it does not know', on: 'h1', check: 'firewall', verdict: 'warning' },
    inject: sh(
      'h1',
      `${FIREWALL} '{ type filter hook input priority 0; policy drop; }'; nft insert rule inet fw input ct state established accept`,
    ),
    found: /chain input of inet fw drops what no rule/,
    after: sh('h1', 'nft delete table inet fw'),
  },
  {
    ...{ name: "the underlay's MTU fell", on: 'h1', check: 'mtu' },
    inject: sh('h1', 'ip link set eth0 mtu 1400'),
    found: /^db in network shop send up to 1450 bytes, eth0 \(MTU 1400\) carries 1350/,
  },
  {
    ...{ name: 'a container is from before the MTU rose again', on: 'h1', check: 'mtu', verdict: 'warning' },
    inject: sh(
      'h1',
      'ip link set eth0 mtu 1400 && sleep 3 && docker restart -t 0 db && ip link set eth0 mtu 1500',
    ),
    found: /^db in network shop take packets of up to 1350 bytes/,
  },
  {
    ...{
      name: 'docker_gwbridge has a larger MTU than the underlay',
      on: 'h3',
      check: 'outside',
      verdict: 'warning',
    },
    inject: sh('h3', 'docker run --rm --network shop tools true; ip link set eth0 mtu 1400'),
    found: /docker_gwbridge has MTU 1500, eth0 has 1400/,
    after: sh('h3', 'ip link set eth0 mtu 1500'),
  },
  {
    ...{ name: 'no rule masquerades', on: 'h1', check: 'outside' },
    inject: sh('h1', 'iptables -t nat -F POSTROUTING'),
    found:
      /reach nothing outside: no rule gives packets from \S+ \(docker_gwbridge\) the address of this host/,
  },
  {
    ...{ name: "Docker's rules are flushed", on: 'h3', check: 'outside' },
    inject: sh('h3', 'iptables -F FORWARD'),
    found: /iptables drops all in FORWARD, where no rule of Docker's is left/,
  },
  {
    ...{ name: "another program has a network's VNI", on: 'h3', check: 'tunnels' },
    inject: async (lab) => {
      await createMirroredNetwork(lab, 'later');
      const vni = 'xnet network show later -o json | jq .vni';
      await sh('h3', `ip link add vx8 type vxlan id $(${vni}) dstport 4789`)(lab);
    },
    found: /the VXLAN device vx8 has VNI \d+ and UDP port 4789 of network later/,
    after: sh('h3', 'docker network rm later'),
  },
  {
    ...{ name: 'a namespace of a network that is gone', on: 'h1', check: 'leftovers', verdict: 'warning' },
    inject: sh('h1', `ip netns add ${LEFTOVER}`),
    found: new RegExp(`namespace ${LEFTOVER} is in the kernel, and this host has no such network`),
  },
  {
    ...{ name: 'the same, with an interface of a container', on: 'h1', check: 'leftovers' },
    inject: sh(
      'h1',
      `ip netns add ${LEFTOVER} && ip -n ${LEFTOVER} link add xc0123456789ab type veth peer name tun8`,
    ),
    found: new RegExp(`namespace ${LEFTOVER} has 1 containers' interfaces`),
  },
  {
    ...{ name: 'a network covers a route of the host', on: 'h1', check: 'subnets', verdict: 'warning' },
    inject: sh(
      'h1',
      `subnet=$(xnet network show shop -o json | jq -r '.subnets[0]') && ip link add tun9 type veth peer tun8 && ip link set tun9 up && ip route add $subnet dev tun9`,
    ),
    found: /network shop \(\S+\) overlaps this host's route to \S+ \(tun9\)/,
    byHand: { remedy: /make the network anew with another --subnet/, mend: sh('h1', 'ip link del tun9') },
  },
];
