/** What xnet itself says, as JSON. */
import type { NetworkAnswer } from '../admin/answers.js';
import { publicOptions, withoutValues } from './hidden.js';
import type { Ask, Part } from './part.js';

/** Networks whose details are in the archive at most: each is a question. */
const MOST_NETWORKS = 200;

export function answerParts(ask: Ask): Part[] {
  const part = (file: string, what: string, read: () => Promise<unknown>): Part => ({
    ...{ file: `xnet/${file}.json`, what },
    read: async () => `${JSON.stringify(await read(), undefined, 2)}\n`,
  });
  return [
    part('version', "the daemon's version", () => ask('version', {})),
    part('settings', 'settings, of secrets that they are set', () => ask('settings', {})),
    part('status', 'xnet status', () => ask('status', {})),
    part('doctor', 'xnet doctor --all', () => ask('doctor', { all: 'true' })),
    part('events', 'xnet events, all that this host has kept', () => ask('events', {})),
    part('hosts', 'xnet hosts', () => ask('hosts', {})),
    part('networks', 'xnet network show of each network, without the values of labels', () =>
      networksOf(ask),
    ),
    part('endpoints', 'xnet endpoints', () => ask('endpoints', {})),
    part('pools', 'xnet pools', () => ask('pools', {})),
  ];
}

/** Their endpoints are in another file. */
async function networksOf(ask: Ask): Promise<unknown> {
  const { asOf, items } = await ask('networks', {});
  const networks: unknown[] = [];
  for (const { id } of items.slice(0, MOST_NETWORKS))
    networks.push(shown(await ask('network', { network: id })));
  return { asOf, networks, notShown: Math.max(0, items.length - MOST_NETWORKS) };
}

function shown({ members, ...network }: NetworkAnswer) {
  const { labels, options } = network;
  return {
    ...network,
    members: members.length,
    labels: withoutValues(labels),
    options: publicOptions(options),
  };
}
