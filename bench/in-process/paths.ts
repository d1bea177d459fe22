/**
 * What it costs a host to measure the paths to others: processor time of this process, and packets, at the usual pace. The others
 * are namespaces, whose kernels answer. Needs root; README.md says how to run it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Paths } from '../../src/agent/paths/paths.js';
import { LinuxPaths } from '../../src/dataplane/paths/linux-paths.js';
import { Netns } from '../../test/support/kernel/netns.js';
import { muteLogger } from '../../test/support/loggers.js';

const PEERS = Number(process.argv[2] ?? 30);
const SECONDS = Number(process.argv[3] ?? 60);
const MTU = 1450;
const vtepOf = (number: number) => `10.99.0.${number + 1}`;

async function plug(wire: Netns, number: number): Promise<Netns> {
  const host = await Netns.create(`h${number}`);
  await host.ip(`link add eth0 type veth peer name h${number} netns ${wire.name}`);
  await wire.ip(`link set h${number} master wire up`);
  await host.ip(`addr add ${vtepOf(number)}/24 dev eth0`);
  await host.ip('link set eth0 up');
  return host;
}

const deviceOf = (host: Netns, number: number) =>
  new LinuxPaths({ vxlanPort: 4789, hostNamespace: host.name, namespace: `t-paths-${number}` });

const undo: (() => Promise<unknown>)[] = [];
const owned = <T extends AsyncDisposable>(part: T): T => {
  undo.push(async () => part[Symbol.asyncDispose]());
  return part;
};
const wire = owned(await Netns.create('wire'));
await wire.ip('link add wire type bridge');
await wire.ip('link set wire up');
const others = Array.from({ length: PEERS }, (_, index) => index + 1);
const devices: LinuxPaths[] = [];
for (const number of [0, ...others]) {
  const device = owned(deviceOf(owned(await plug(wire, number)), number));
  undo.push(() => device.remove());
  devices.push(device);
  if (number > 0) await device.ensure({ vtep: vtepOf(number), mtu: MTU, peers: [vtepOf(0)] });
}
const paths = new Paths({
  device: devices[0] as LinuxPaths,
  vniHolder: () => undefined,
  own: () => ({ vtep: vtepOf(0), mtu: MTU }),
  peers: () =>
    others.map((number) => ({
      ...{ id: `h${number}`, name: `h${number}`, vtep: vtepOf(number) },
      ...{ isAlive: true, mtu: MTU },
    })),
  ...{ isStoreAway: () => false, publish: async () => undefined, logger: muteLogger },
});
owned(paths);

/** Microseconds of processor time a second. */
async function consumption(): Promise<number> {
  const before = process.cpuUsage();
  await pause(SECONDS * 1000);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / SECONDS;
}

const sentOf = async () =>
  Number(/TX:.*\n\s+\d+\s+(\d+)/.exec(await Netns.of('t-paths-0').ip('-s link show vxlan0'))?.[1]);

const idle = await consumption();
paths.start();
await pause(20_000);
const passing = [...paths.states.values()].filter(({ verdict }) => verdict === 'passes').length;
const sent = await sentOf();
const busy = await consumption();
const packets = ((await sentOf()) - sent) / PEERS / (SECONDS / 60);
console.log(`${passing} of ${PEERS} paths pass; ${packets.toFixed(1)} packets a minute are sent to each`);
console.log(`${((busy - idle) / 1000).toFixed(2)} ms/s, ${((busy - idle) / PEERS).toFixed(0)} us/s for each`);
for (const each of undo.reverse()) await each();
