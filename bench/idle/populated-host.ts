/** A host with networks and containers that only exist: a real daemon and etcd, called as Docker calls it. */
import { randomBytes } from 'node:crypto';
import { Sandbox } from '../../test/support/daemon/cluster.js';
import type { TestDaemon } from '../../test/support/daemon/daemon.js';
import type { Network, PopulatedDocker } from './populated-docker.js';

const PARALLEL = 4;

const newId = () => randomBytes(32).toString('hex');

interface Place {
  readonly network: Network;
  readonly poolId: string;
}

/** Containers are spread over the networks evenly. */
export async function populate(
  daemon: TestDaemon,
  docker: PopulatedDocker,
  networks: number,
  containers: number,
): Promise<void> {
  const places: Place[] = [];
  for (let number = 1; number <= networks; number++) places.push(await createNetwork(daemon, docker, number));
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < containers; index = next++) {
      const place = places[index % networks];
      if (place) await startContainer(daemon, docker, place, `c${index + 1}`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

async function createNetwork(daemon: TestDaemon, docker: PopulatedDocker, number: number): Promise<Place> {
  const network = { name: `idle${number}`, id: newId(), subnet: `10.${number >> 8}.${number & 255}.0/24` };
  const options = { 'xnet.name': network.name };
  const pool = { AddressSpace: 'xnet-local', Pool: network.subnet };
  const { PoolID } = await daemon.ok('IpamDriver.RequestPool', { ...pool, Options: options });
  docker.networks.push(network);
  await daemon.ok('NetworkDriver.CreateNetwork', {
    NetworkID: network.id,
    Options: { 'com.docker.network.generic': options },
    IPv4Data: [pool],
  });
  return { network, poolId: PoolID as string };
}

async function startContainer(
  daemon: TestDaemon,
  docker: PopulatedDocker,
  { network, poolId }: Place,
  name: string,
): Promise<void> {
  const sandbox = new Sandbox(daemon, name);
  await sandbox.make();
  const sandboxPath = `/run/netns/${name}`;
  const endpoint = { NetworkID: network.id, EndpointID: newId() };
  const { Address } = await daemon.ok('IpamDriver.RequestAddress', {
    PoolID: poolId,
    Address: '',
    Options: null,
  });
  await daemon.ok('NetworkDriver.CreateEndpoint', { ...endpoint, Interface: { Address, MacAddress: '' } });
  const { InterfaceName } = await daemon.ok('NetworkDriver.Join', { ...endpoint, SandboxKey: sandboxPath });
  await sandbox.take((InterfaceName as { SrcName: string }).SrcName, Address as string);
  const [address = ''] = (Address as string).split('/');
  docker.containers.push({
    name,
    id: newId(),
    network,
    endpointId: endpoint.EndpointID,
    address,
    sandboxPath,
  });
}
