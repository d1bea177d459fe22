/** One address that moves between two hosts again and again, while containers of three hosts talk to it. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Cluster, type ClusterHost } from '../../support/cluster.js';
import { eventually } from '../../support/eventually.js';
import { SteadyPing } from '../../support/steady-ping.js';

const MOVES = Number(process.env.XNET_MOVES ?? 1000);
const MOVING = '10.99.0.9';
/** How long the address may be out of reach once it is there. */
const BLACK_HOLE_MS = 200;

interface Move {
  /** When the container had its interface. */
  readonly thereMs: number;
  /** When the next move began. */
  leftMs: number;
}

test(`${MOVES} moves: nobody is kept from the address for longer than ${BLACK_HOLE_MS} ms, and in the end every host's entries are the store's`, async () => {
  await using cluster = await Cluster.start(3);
  for (const host of cluster.hosts) await host.createNetwork('shop', '10.99.0.0/24');
  const talkers = await Promise.all(cluster.hosts.map(startTalker));
  const homes = [cluster.host(1), cluster.host(2)] as const;
  const sandboxes = await Promise.all(homes.map((host) => host.createSandbox('moving')));
  const moves: Move[] = [];
  const startedMs = performance.now();
  for (let count = 0; count < MOVES; count += 1) {
    const [host, sandbox] = [homes[count % 2], sandboxes[count % 2]];
    if (!host || !sandbox) throw new Error('no home');
    const attached = await host.attach(sandbox, MOVING);
    const thereMs = performance.now();
    for (const talker of talkers)
      await eventually(() => expect(talker.heardSince(thereMs)).toBe(true), 5000, 5);
    moves.push({ thereMs, leftMs: performance.now() });
    if (count + 1 < MOVES) await host.detach(attached);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  // The answers to the last pings.
  await delay(200);
  const holes = talkers.map((talker) => moves.map((move) => blackHole(talker, move)));
  console.info(
    `${MOVES} moves in ${seconds.toFixed(0)} s; longest black hole seen from each host: ${holes
      .map(
        (each) => `${Math.max(...each).toFixed(0)} ms (above 20 ms: ${each.filter((ms) => ms > 20).length})`,
      )
      .join(', ')}`,
  );
  expect(Math.max(...holes.flat())).toBeLessThan(BLACK_HOLE_MS);
  await eventually(async () => {
    for (const host of cluster.hosts) expect(await host.forwarding()).toEqual(await expected(cluster, host));
  });
  for (const talker of talkers) talker[Symbol.dispose]();
}, 240_000);

/** How long after the address was there the last ping was sent to it that came to nothing. */
function blackHole(talker: SteadyPing, { thereMs, leftMs }: Move): number {
  return (talker.lastLost(thereMs, leftMs) ?? thereMs) - thereMs;
}

async function startTalker(host: ClusterHost): Promise<SteadyPing> {
  const sandbox = await host.createSandbox('talker');
  const number = host.vtep.split('.')[3];
  await host.attach(sandbox, `10.99.0.${100 + Number(number)}`);
  return SteadyPing.start(await sandbox.allowPing(), MOVING, 5);
}

interface Endpoint {
  readonly hostId: string;
  readonly mac: string;
  readonly addresses: readonly string[];
}

/** What the store says that the host's entries should be. */
async function expected(cluster: Cluster, { vtep }: ClusterHost) {
  const hosts = (await cluster.records('hosts/')) as { id: string; vtep: string }[];
  const vteps = new Map(hosts.map((host) => [host.id, host.vtep]));
  const endpoints = ((await cluster.records('endpoints/')) as unknown as Endpoint[]).filter(
    ({ hostId }) => vteps.get(hostId) !== vtep,
  );
  return {
    tunnels: endpoints.map(({ mac, hostId }) => `${mac} ${vteps.get(hostId)}`).sort(),
    flooded: [...new Set(endpoints.map(({ hostId }) => vteps.get(hostId)))].sort(),
    neighbours: endpoints.flatMap(({ mac, addresses }) => addresses.map((ip) => `${ip} ${mac}`)).sort(),
  };
}
