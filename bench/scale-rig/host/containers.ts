/** Containers of a measured host: what Docker calls for them, and their interfaces as libnetwork gives them. */
import { randomBytes } from 'node:crypto';
import { formatPoolId } from '../../../src/ipam/hold.js';
import { Sandbox } from '../../../test/support/daemon/cluster.js';
import type { TestDaemon } from '../../../test/support/daemon/daemon.js';
import type { PlannedNetwork } from '../cluster/records.js';
import type { RigContainer } from './docker.js';
import type { MeasuredHost } from './measured-host.js';

/** Of the plugin's calls of its start, in ms. */
export interface CallTimes {
  readonly RequestAddress: number;
  readonly CreateEndpoint: number;
  readonly Join: number;
  readonly EndpointOperInfo: number;
}

export interface Attached extends RigContainer {
  readonly times: CallTimes;
  /** On this machine. */
  readonly namespacePath: string;
}

/** What `docker run` does of a network. Resolves when the container runs and Docker has reported it. */
export async function startContainer(
  { daemon, docker, host }: MeasuredHost,
  network: PlannedNetwork,
): Promise<Attached> {
  const [id, endpointId] = [newId(), newId()];
  const name = `own-${id.slice(0, 8)}`;
  const sandbox = new Sandbox(daemon, name);
  await sandbox.make();
  const sandboxPath = `/run/netns/${name}`;
  const endpoint = { NetworkID: network.dockerIdOf(host), EndpointID: endpointId };
  const request = { PoolID: formatPoolId(network.holdOf(host)), Address: '', Options: null };
  const claim = await timedCall(daemon, 'IpamDriver.RequestAddress', request);
  const Address = `${claim.answer.Address}`;
  const creation = { ...endpoint, Interface: { Address, MacAddress: '' } };
  const create = await timedCall(daemon, 'NetworkDriver.CreateEndpoint', creation);
  const container = { id, name, network, endpointId, sandboxPath, address: Address.replace(/\/.*/, '') };
  // As Docker has it from its creation on: its endpoint is not forgotten, however long Join takes.
  docker.add(container);
  const join = await timedCall(daemon, 'NetworkDriver.Join', { ...endpoint, SandboxKey: sandboxPath });
  await sandbox.take((join.answer.InterfaceName as { SrcName: string }).SrcName, Address);
  const complete = await timedCall(daemon, 'NetworkDriver.EndpointOperInfo', endpoint);
  docker.report(container);
  const times = {
    ...{ RequestAddress: claim.ms, CreateEndpoint: create.ms },
    ...{ Join: join.ms, EndpointOperInfo: complete.ms },
  };
  return { ...container, times, namespacePath: daemon.namespacePath(name) };
}

async function timedCall(
  daemon: TestDaemon,
  method: string,
  body: object,
): Promise<{ readonly answer: Record<string, unknown>; readonly ms: number }> {
  const begunMs = performance.now();
  const answer = await daemon.ok(method, body);
  return { answer, ms: performance.now() - begunMs };
}

/** As Docker's are. */
function newId(): string {
  return randomBytes(32).toString('hex');
}
