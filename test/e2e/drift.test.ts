/**
 * Kernel objects of xnet altered by hand under running traffic: each is put right, within 1 s where the kernel tells of
 * it and 30 s where it does not, is told of in the log and counted, and a TCP stream over it goes on.
 */
import { basename } from 'node:path';
import { expect } from '@jest/globals';
import { type Container, createSharedNetwork, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';

/** Promised: where an event tells of it, and by the sweep. */
const BY_EVENT_MS = 1_000;
const BY_SWEEP_MS = 30_000;

interface Scene {
  readonly lab: Lab;
  readonly one: Container;
  readonly two: Container;
  /** For the alterations' scripts. */
  readonly variables: string;
}

interface LoggedRepair {
  readonly kind: string;
  readonly network?: string;
  readonly object: string;
  readonly atMs: number;
}

/** [what is altered, how (a script on h1), the kind it is told of as] */
const ALTERATIONS: readonly (readonly [what: string, script: string, kind: string])[] = [
  ['bridge deleted', 'ip -n $NS link del br0', 'bridge'],
  ['bridge down', 'ip -n $NS link set br0 down', 'bridge'],
  ['bridge MTU', 'ip -n $NS link set br0 mtu 1300', 'bridge'],
  ['bridge MAC', 'ip -n $NS link set br0 address 02:00:00:00:00:99', 'bridge'],
  ['bridge parameters', 'ip -n $NS link set br0 type bridge mcast_snooping 1', 'bridge'],
  ['vxlan0 deleted', 'ip -n $NS link del vxlan0', 'vxlan'],
  ['vxlan0 down', 'ip -n $NS link set vxlan0 down', 'vxlan'],
  ['vxlan0 MTU', 'ip -n $NS link set vxlan0 mtu 1300', 'vxlan'],
  ['vxlan0 off the bridge', 'ip -n $NS link set vxlan0 nomaster', 'vxlan'],
  ['vxlan0 flooding', 'ip -n $NS link set vxlan0 type bridge_slave flood on learning on', 'vxlan'],
  [
    'vxlan0 of another VNI and port',
    // In one step: xnet must not be in between.
    "ip link add other netns $NS type vxlan id 4242 local $OWN_VTEP dstport 8472; printf 'link del vxlan0\\nlink set other name vxlan0\\nlink set vxlan0 master br0 up\\n' | ip -n $NS -batch -",
    'vxlan',
  ],
  ['port down', 'ip -n $NS link set $PORT down', 'port'],
  ['port off the bridge', 'ip -n $NS link set $PORT nomaster', 'port'],
  ['port MTU', 'ip -n $NS link set $PORT mtu 1300', 'port'],
  ['port flags', 'ip -n $NS link set $PORT type bridge_slave flood on isolated on', 'port'],
  ['port deleted', 'ip -n $NS link del $PORT', 'veth'],
  ["container's interface deleted", 'nsenter --net=$SANDBOX ip link del eth0', 'veth'],
  ['FDB entry deleted', 'bridge -n $NS fdb del $MAC dev vxlan0 self', 'fdb-entry'],
  ['FDB entry wrong', 'bridge -n $NS fdb replace $MAC dev vxlan0 dst 198.18.99.99 self static', 'fdb-entry'],
  [
    'FDB entry added',
    'bridge -n $NS fdb add 02:00:00:00:00:99 dev vxlan0 dst 198.18.99.99 self master static',
    'fdb-entry',
  ],
  ['own FDB entry deleted', 'bridge -n $NS fdb del $OWN_MAC dev $PORT master', 'fdb-entry'],
  ['flood entry deleted', 'bridge -n $NS fdb del 00:00:00:00:00:00 dev vxlan0 dst $VTEP self', 'flood-entry'],
  [
    'flood entry added',
    'bridge -n $NS fdb append 00:00:00:00:00:00 dev vxlan0 dst 198.18.99.99 self permanent',
    'flood-entry',
  ],
  ['neighbour deleted', 'ip -n $NS neigh del $ADDRESS dev br0', 'neighbour'],
  [
    'neighbour wrong',
    'ip -n $NS neigh replace $ADDRESS lladdr 02:00:00:00:00:99 dev br0 nud permanent',
    'neighbour',
  ],
  [
    'neighbour added',
    'ip -n $NS neigh add 10.99.99.99 lladdr 02:00:00:00:00:99 dev br0 nud permanent',
    'neighbour',
  ],
  ['tunnel filter deleted', 'nft delete table inet xnet', 'tunnel-filter'],
  ['tunnel filter altered', 'nft flush chain inet xnet prerouting', 'tunnel-filter'],
  ['tunnel filter added to', 'nft add rule inet xnet prerouting udp dport 4789 drop', 'tunnel-filter'],
  ['namespace deleted', 'ip netns del $NS', 'namespace'],
];

/** All that a network's namespace holds, and what its parameters are, but for numbers that the kernel gives. */
const STATE = `
  ip -n $NS -d link show | grep -oE '^[0-9]+: [^:@]+|mtu [0-9]+|master [^ ]+|[<,]UP[,>]|group [^ ]+|id [0-9]+ |(local|dstport) [^ ]+|nolearning|(learning|flood|isolated|hairpin|guard|neigh_suppress|mcast_flood|stp_state|mcast_snooping) [^ ]+' | sed 's/^[0-9]*: //'
  bridge -n $NS fdb show | grep -E 'static|dst' | sort
  ip -n $NS neigh show nud permanent | sort
  nft -s list table inet xnet`;

/** State of a network that was put right; devices may have come in another order. */
async function readState({ lab, variables }: Scene): Promise<string[]> {
  const output = await lab.in('h1', 'sh', '-c', `${variables}; ${STATE}`);
  return output.split('\n').sort();
}

async function readRepairs(lab: Lab): Promise<LoggedRepair[]> {
  const lines = (await lab.run(['logs', 'h1', 'xnet'])).split('\n');
  return lines.flatMap((line) => {
    if (!line.includes('"repaired what somebody had altered"')) return [];
    const { kind, network, object, timestamp } = JSON.parse(line);
    return { kind, network, object, atMs: Date.parse(timestamp) };
  });
}

async function setScene(lab: Lab): Promise<Scene> {
  await createSharedNetwork(lab, 'shop');
  const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
  const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
  const field = (container: Container, name: string) =>
    container.inspect(`{{(index .NetworkSettings.Networks "shop").${name}}}`).then((text) => text.trim());
  const variables = {
    NS: (await lab.in('h1', 'sh', '-c', 'ls /run/netns | grep -E "^xnet-[0-9a-f]{12}$"')).trim(),
    SANDBOX: (await one.inspect('{{.NetworkSettings.SandboxKey}}')).trim(),
    PORT: `xc${(await field(one, 'EndpointID')).slice(0, 12)}`,
    OWN_MAC: await field(one, 'MacAddress'),
    OWN_VTEP: await lab.ip('h1'),
    MAC: await field(two, 'MacAddress'),
    ADDRESS: await field(two, 'IPAddress'),
    VTEP: await lab.ip('h2'),
  };
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value.trim()}`);
  return { lab, one, two, variables: words.join('; ') };
}

/** Alters by a script, and resolves when a repair of the kind is in the log, to what it took. `object`: how its name ends. */
async function alter({ lab, variables }: Scene, script: string, kind: string, object = ''): Promise<number> {
  const before = (await readRepairs(lab)).length;
  const altered = await lab.in('h1', 'sh', '-c', `set -e; ${variables}; ${script}; date +%s%3N`);
  const atMs = Number(altered.trim().split('\n').at(-1));
  let tookMs = Number.NaN;
  await eventually(async () => {
    const repairs = (await readRepairs(lab)).slice(before);
    const repair = repairs.find((each) => each.kind === kind && each.object.endsWith(object));
    if (!repair) throw new Error(`no repair of the kind ${kind} in the log after: ${script}`);
    tookMs = repair.atMs - atMs;
  }, BY_SWEEP_MS + 5_000);
  return tookMs;
}

/** A TCP connection from one to two that carries a line each tenth of a second, and back. */
function startStream({ lab, one, two }: Scene) {
  const lines = 'i=0; while sleep 0.1; do i=$((i+1)); echo $i; done';
  const echo = lab.start('h2', 'docker', 'exec', two.name, 'socat', 'TCP-LISTEN:9', 'EXEC:cat');
  const connect = `TCP:$ADDRESS:9,retry=50,interval=0.1`;
  const stream = lab.start(
    'h1',
    ...[
      'docker',
      'exec',
      one.name,
      'sh',
      '-c',
      `ADDRESS=$(getent hosts two | cut -d ' ' -f 1)
      (${lines}) | socat - ${connect} 2>/dev/null`,
    ],
  );
  const count = () => stream.output.split('\n').length - 1;
  return {
    /** Resolves when more has come back since now. */
    async goesOn(): Promise<void> {
      const before = count();
      await eventually(() => {
        if (count() <= before) throw new Error('the TCP stream stands still');
      });
    },
    /** Every line came back, once and in order: it was one connection. */
    async stop(): Promise<void> {
      const got = stream.output.split('\n').slice(0, -1);
      expect(got).toEqual(got.map((_, i) => `${i + 1}`));
      await Promise.all([stream.stop(), echo.stop()]);
    },
  };
}

async function readCounts(lab: Lab): Promise<Record<string, number>> {
  return JSON.parse(await lab.in('h1', 'xnet', 'status', '--json')).repairs;
}

describeInLab('drift', { hosts: 2 }, (test) => {
  test(
    'each object that is altered by hand is repaired and counted, and one TCP stream goes on',
    async (lab) => {
      const scene = await setScene(lab);
      const three = await runContainer(lab, 'h1', 'shop', { name: 'three' });
      const sandboxes = [scene.one, three].map(async (container) =>
        basename((await container.inspect('{{.NetworkSettings.SandboxKey}}')).trim()),
      );
      const [sandbox = '', sandbox3 = ''] = await Promise.all(sandboxes);
      const stream = startStream(scene);
      await stream.goesOn();
      const right = await readState(scene);
      const orphan = 'ip -n $NS link add xc0123456789ab group 2 type veth peer name xc0123456789ab netns 1';
      // Repaired one after the other: each is waited for.
      const alterRules = (name: string, change: string) =>
        alter(scene, `nsenter --net=/run/docker/netns/${name} nft ${change}`, 'resolver-rules', name);
      const late = [
        alterRules(sandbox, 'flush chain ip xnet output'),
        alterRules(sandbox3, 'delete table ip xnet'),
      ];
      const times: [string, number][] = [];
      for (const [what, script, kind] of ALTERATIONS) {
        const tookMs = await alter(scene, script, kind);
        times.push([what, tookMs]);
        await stream.goesOn();
        await eventually(async () => expect(await readState(scene)).toEqual(right));
      }
      await lab.in('h1', 'sh', '-c', `${scene.variables}; ${orphan}`);
      for (const tookMs of await Promise.all(late)) expectInTime(tookMs, BY_SWEEP_MS);
      expect(await three.dig('two')).toEqual(await scene.one.dig('two'));
      await stream.goesOn();
      await stream.stop();
      await eventually(
        async () => expect(await readCounts(lab)).toMatchObject({ orphan: 1, 'resolver-rules': 2 }),
        60_000,
      );
      console.info(times.map(([what, ms]) => `${what}: ${ms} ms`).join('\n'));
      for (const [, ms] of times) expectInTime(ms, BY_SWEEP_MS);
      // The sweep alone would take 11 s in the middle.
      const sorted = times.map(([, ms]) => ms).sort((a, b) => a - b);
      expectInTime(Number(sorted[Math.floor(sorted.length / 2)]), BY_EVENT_MS);
      const logged = await readRepairs(lab);
      const counts = await readCounts(lab);
      const kinds = [...new Set(logged.map(({ kind }) => kind))];
      for (const kind of kinds) expect(counts[kind]).toBe(logged.filter((each) => each.kind === kind).length);
      expect(await lab.in('h1', 'xnet', 'status')).toMatch(/^repairs .*fdb-entry \d/m);
    },
    { timeoutMs: 240_000 },
  );

  test('a daemon that has just started gives a container its interface back, and Docker can take it away', async (lab) => {
    const scene = await setScene(lab);
    const address = await scene.two.address();
    await createSharedNetwork(lab, 'more', ['--ipv6']);
    await lab.docker('h1', 'network', 'connect', 'more', scene.one.name);
    const before = await scene.one.exec('ip', '-o', 'addr', 'show', 'scope', 'global');
    await lab.xnet('h1', 'kill');
    await lab.xnet('h1', 'start');
    const interfaces = (text: string) =>
      text
        .split('\n')
        .flatMap((line) => / (eth\d+) +(inet6? \S+)/.exec(line)?.slice(1).join(' ') ?? [])
        .sort();
    await eventually(async () => expect(await countUsed(lab)).toBe(2));
    // One after the other: which of two was called what, a daemon learns some time after its start.
    for (const name of ['eth0', 'eth2']) {
      await lab.in('h1', 'sh', '-c', `${scene.variables}; nsenter --net=$SANDBOX ip link del ${name}`);
      await eventually(async () => {
        const now = await scene.one.exec('ip', '-o', 'addr', 'show', 'scope', 'global');
        expect(interfaces(now)).toEqual(interfaces(before));
      }, BY_SWEEP_MS);
    }
    expect(await scene.one.greetOverTcp(address)).toBe('two');
    await lab.docker('h1', 'network', 'disconnect', 'more', scene.one.name);
    expect(await scene.one.greetOverTcp(address)).toBe('two');
    await lab.docker('h1', 'rm', '-f', scene.one.name);
  });

  test('containers that come and go are no drift', async (lab) => {
    const scene = await setScene(lab);
    const known = await readRepairs(lab);
    const until = Date.now() + 30_000;
    const client = async (host: string) => {
      while (Date.now() < until) {
        const container = await runContainer(lab, host, 'shop');
        await lab.docker(host, 'network', 'disconnect', 'shop', container.name);
        await lab.docker(host, 'network', 'connect', 'shop', container.name);
        await lab.docker(host, 'rm', '-f', container.name);
      }
    };
    await Promise.all(['h1', 'h1', 'h2', 'h2'].map(client));
    expect(await scene.one.greetOverTcp(await scene.two.address())).toBe('two');
    expect(await readRepairs(lab)).toEqual(known);
  });
});

/** How many networks with an endpoint this host's daemon has. */
async function countUsed(lab: Lab): Promise<number> {
  const status = JSON.parse(await lab.in('h1', 'xnet', 'status', '--json'));
  return status.networks.filter(({ endpoints }: { endpoints: unknown[] }) => endpoints.length > 0).length;
}
