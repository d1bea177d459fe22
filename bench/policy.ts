/** Section policy: what a policy that is in force adds to a start, against the same start in a network without one. */
import { LAST_CALL, shareOf } from './calls.js';
import { compare, describe, type Figure, state } from './figures.js';
import type { Host } from './lab.js';
import { alternate } from './rounds.js';
import { removeStarted, timeStart } from './start.js';
import { median } from './statistics.js';
import { createXnetNetwork, untilNetworks, type World } from './world.js';

const NETWORKS = { 'with a policy': 'bench-ruled', 'without one': 'bench-unruled' } as const;
const KINDS = Object.keys(NETWORKS) as (keyof typeof NETWORKS)[];
const NAME = 'bench-policy';

/** It selects the container that stays; the one that is started is among those that it lets in. */
const POLICY = `policy: ${NAME}
network: ${NETWORKS['with a policy']}
to: { app: db }
allow:
  - from: { app: web }
    ports: [5432/tcp]
`;
/** With xnet and node, as in a user's shell there. */
const PATH = 'export PATH=/usr/local/bin:$PATH';
const LABEL = ['--label', 'app=web'];

interface Start {
  readonly ms: number;
  /** Of it xnet's own: its calls together. */
  readonly share: number;
}

export async function measurePolicy({ h1, h2 }: World, rounds: number): Promise<Figure[]> {
  const names = Object.values(NETWORKS);
  for (const name of names) await createXnetNetwork(h1, name);
  await untilNetworks(h2, names);
  for (const name of names)
    for (const host of [h1, h2]) await timeStart(host, name, stayingIn(name), ['--label', 'app=db']);
  await h1.run('sh', '-c', `${PATH}; printf '%s' "$1" | xnet policy apply -`, 'sh', POLICY);
  const samples = await alternate<keyof typeof NETWORKS, Start>(rounds, KINDS, (kind) =>
    startOnce(h1, NETWORKS[kind]),
  );
  await h1.run('sh', '-c', `${PATH}; xnet policy rm ${NAME}`);
  for (const host of [h1, h2]) await removeStarted(host, ...names.map(stayingIn));
  for (const name of names) await h1.docker('network', 'rm', name);
  await untilNetworks(h2, names, false);
  return figuresOf(samples['with a policy'], samples['without one']);
}

async function startOnce(host: Host, network: string): Promise<Start> {
  const place = await host.logEnd();
  const ms = await timeStart(host, network, NAME, LABEL);
  const lines = await host.logUntil(place, LAST_CALL);
  await removeStarted(host, NAME);
  return { ms, share: shareOf(lines) };
}

function figuresOf(ruled: readonly Start[], unruled: readonly Start[]): Figure[] {
  const of = (starts: readonly Start[], what: keyof Start) => starts.map((start) => start[what]);
  const [shares, plain] = [of(ruled, 'share'), of(unruled, 'share')];
  const added = shares.map((share, round) => share - (plain[round] ?? 0));
  const walls = { unit: ' ms', ours: of(ruled, 'ms'), theirs: of(unruled, 'ms') };
  return [
    state({
      what: "a policy that is in force adds to xnet's own share of a start: median of the rounds",
      unit: ' ms',
      value: median(added),
      goal: { atMost: 5 },
      note: describe(shares, ' ms'),
      against: `without a policy ${describe(plain, ' ms')}`,
    }),
    compare({ ...walls, what: '`docker run -d` with a policy in force', opponent: 'without a policy' }),
  ];
}

function stayingIn(network: string): string {
  return `${network}-stays`;
}
