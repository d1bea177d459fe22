/** What Docker on every host and the store say there is. */
import type { Lab } from '../support/lab/lab.js';

/** One container's place in one network, as its host's Docker has it. */
export interface SeenEndpoint {
  readonly id: string;
  readonly network: string;
  /** Empty: Docker has none for it (yet). */
  readonly address: string;
}

export interface SeenContainer {
  readonly name: string;
  readonly host: string;
  readonly running: boolean;
  /** Of its first process, as its host numbers them. */
  readonly pid: number;
  readonly endpoints: readonly SeenEndpoint[];
}

export interface SeenHost {
  readonly host: string;
  readonly containers: readonly SeenContainer[];
  /** Docker networks of xnet. */
  readonly networks: readonly string[];
  /** xnet's table of nft is there. */
  readonly filtered: boolean;
}

/** An address's key in the store. */
export interface SeenAddress {
  readonly key: string;
  readonly address: string;
  readonly purpose: string;
  readonly endpointId?: string;
}

const SCRIPT = `
  containers=$(docker ps -aq); [ -z "$containers" ] || docker inspect $containers; echo --
  docker network ls -f driver=xnet --format '{{.Name}}'; echo --
  nft list tables`;

interface Inspected {
  readonly Name: string;
  readonly State: { readonly Running: boolean; readonly Pid: number };
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly EndpointID: string; readonly IPAddress: string }>>;
  };
}

/** The host's Docker must run. */
export async function observeHost(lab: Lab, host: string): Promise<SeenHost> {
  const output = await lab.in(host, 'sh', '-c', SCRIPT);
  const [containers = '', networks = '', tables = ''] = output.split(/^--$/m);
  return {
    host,
    containers: parseContainers(host, containers),
    networks: networks.split('\n').filter(Boolean).sort(),
    filtered: /^table inet xnet$/m.test(tables),
  };
}

function parseContainers(host: string, text: string): SeenContainer[] {
  if (text.trim() === '') return [];
  return (JSON.parse(text) as Inspected[]).map(({ Name, State, NetworkSettings }) => ({
    name: Name.slice(1),
    host,
    running: State.Running,
    pid: State.Pid,
    endpoints: Object.entries(NetworkSettings.Networks)
      .filter(([, { EndpointID }]) => EndpointID !== '')
      .map(([network, { EndpointID, IPAddress }]) => ({ id: EndpointID, network, address: IPAddress })),
  }));
}

/** All addresses in the store. etcd must have a quorum. */
export async function observeAddresses(lab: Lab): Promise<SeenAddress[]> {
  const output = await lab.etcd('ctl', 'get', '--prefix', '/xnet/addresses/', '-w', 'json');
  const { kvs = [] } = JSON.parse(output) as { kvs?: { key: string; value: string }[] };
  return kvs.map(({ key, value }) => {
    const path = Buffer.from(key, 'base64').toString();
    const address = decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
    return { key: path, address, ...JSON.parse(Buffer.from(value, 'base64').toString()) };
  });
}
