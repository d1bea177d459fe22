/** What somebody does to the kernel's objects behind xnet's back. */
import { pick } from '../../support/random.js';
import { hasFault, type Model, runningContainers } from '../model.js';
import type { Kind } from '../operation.js';
import type { World } from '../world.js';

/** A network of which the host certainly has the namespace, and xnet runs to notice. */
interface Place {
  readonly host: string;
  readonly network: string;
  readonly container: string;
}

function drift(
  name: string,
  text: (place: Place) => string,
  command: (world: World, place: Place) => Promise<readonly string[]>,
): Kind {
  return {
    name,
    weight: 1,
    draw(model, random) {
      const places = findPlaces(model);
      if (places.length === 0) return undefined;
      const place = pick(random, places);
      return {
        kind: name,
        text: `${text(place)} on ${place.host}`,
        owns: [`kernel of ${place.host}`],
        uses: [place.host, `xnet on ${place.host}`, place.container, place.network],
        apply: (after) => unsettle(after, place),
        perform: async (world) => void (await world.lab.in(place.host, ...(await command(world, place)))),
      };
    },
  };
}

function findPlaces(model: Model): Place[] {
  return runningContainers(model)
    .filter(({ host, settled }) => settled && !hasFault(model, host, 'xnet down'))
    .flatMap(({ name, host, networks }) => networks.map((network) => ({ host, network, container: name })));
}

function unsettle(model: Model, { host, network }: Place): void {
  for (const container of model.containers) {
    if (container.host === host && container.networks.includes(network)) container.settled = false;
  }
}

function deleteLink(link: 'vxlan0' | 'br0'): Kind {
  return drift(
    `${link}-delete`,
    ({ network }) => `delete ${link} of ${network}`,
    async (world, { network }) => ['ip', '-n', await world.namespaceOf(network), 'link', 'del', link],
  );
}

const deletePort = drift(
  'port-delete',
  ({ network, container }) => `delete the port of ${container} in ${network}`,
  async (world, { host, network, container }) => {
    const port = await world.portOf(host, network, container);
    return ['ip', '-n', await world.namespaceOf(network), 'link', 'del', port];
  },
);

/** Where each endpoint's host is, and behind which port of the bridge each is. */
const flushFdb = drift(
  'fdb-flush',
  ({ network }) => `flush the FDB of ${network}`,
  async (world, { network }) => {
    const flush = `bridge -n ${await world.namespaceOf(network)} fdb flush dev`;
    return ['sh', '-c', `${flush} vxlan0 self && ${flush} vxlan0 master static`];
  },
);

const flushNft = drift(
  'nft-flush',
  () => 'delete the nft table inet xnet',
  async () => ['nft', 'delete', 'table', 'inet', 'xnet'],
);

export const DRIFT_KINDS: readonly Kind[] = [
  flushFdb,
  flushNft,
  deleteLink('vxlan0'),
  deleteLink('br0'),
  deletePort,
];
