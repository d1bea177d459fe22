/** What Docker got of xnet in the last seconds before a crash, when the store does not answer at the next start. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Cluster, ClusterHost } from '../../support/daemon/cluster.js';
import { eventually } from '../../support/time/eventually.js';

/** More than the file of what the store last said is behind. */
const WRITTEN_MS = 3_000;

/** By network, the addresses of this host's containers. */
function knownAt({ daemon }: ClusterHost): Record<string, string[]> {
  const { networks } = JSON.parse(daemon.status('--json').text) as {
    networks: { name: string; endpoints: { addresses: string[] }[] }[];
  };
  const addressesOf = ({ endpoints }: (typeof networks)[number]) =>
    endpoints.flatMap(({ addresses }) => addresses).sort();
  return Object.fromEntries(networks.map((network) => [network.name, addressesOf(network)]));
}

test('is known again when the store answers: what Docker removes then is removed', async () => {
  await using cluster = await Cluster.start(1);
  const host = cluster.host(1);
  await host.createNetwork('shop', '10.97.1.0/24');
  const attached = [await host.attach(await host.createSandbox('early'), '10.97.1.8')];
  const late1 = await host.createSandbox('late1');
  const late2 = await host.createSandbox('late2');
  await new Promise((resolve) => setTimeout(resolve, WRITTEN_MS));
  // However long the rest takes here, the crash comes before more is written.
  const journal = join(host.daemon.directory, 'state', 'last-known.jsonl');
  const written = await readFile(journal);
  const late = new ClusterHost(host.daemon, host.vtep);
  await late.createNetwork('late', '10.97.2.0/24');
  const attaching = [host.attach(late1, '10.97.1.9'), late.attach(late2, '10.97.2.9')] as const;
  const [onShop, onLate] = await Promise.all(attaching);
  await host.daemon.kill();
  await writeFile(journal, written);
  attached.push(onShop);
  await cluster.stopStore();
  await host.restart();
  await eventually(() => expect(knownAt(host)).toEqual({ shop: ['10.97.1.8'] }));

  await cluster.startStore();
  const all = { shop: ['10.97.1.8', '10.97.1.9'], late: ['10.97.2.9'] };
  await eventually(() => expect(knownAt(host)).toEqual(all));
  for (const each of attached) await host.detach(each);
  await late.detach(onLate);
  await late.removeNetwork();
  await host.removeNetwork();
  expect(knownAt(host)).toEqual({});
  const left = [...(await cluster.entries('')).keys()].filter(
    (key) => !/^(alive|hosts|host-problems|vteps)\//.test(key),
  );
  expect(left).toEqual([]);
}, 60_000);
