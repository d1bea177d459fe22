/**
 * What an idle host costs: processor time, programs started, bytes from etcd. README.md says how to run it. A real daemon
 * and a real etcd, in namespaces of their own.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Cluster } from '../../test/support/daemon/cluster.js';
import { type Consumption, listStartedPrograms, measureConsumption } from './consumption.js';
import { PopulatedDocker } from './populated-docker.js';
import { populate } from './populated-host.js';

const { values } = parseArgs({
  options: {
    networks: { type: 'string', default: '10' },
    endpoints: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '1' },
    /** Before the first round: what has just been started is looked at more often. */
    settle: { type: 'string', default: '90' },
    /** `bin/xnet` of other checkouts, which are measured in turn with this one's. */
    also: { type: 'string', multiple: true, default: [] },
    /** Leaves all running until the process is ended, to look at it by hand. */
    stay: { type: 'boolean', default: false },
  },
});
const numberOf = (option: 'networks' | 'endpoints' | 'seconds' | 'rounds' | 'settle') =>
  Number(values[option]);

class IdleHost implements AsyncDisposable {
  private constructor(
    readonly program: string,
    readonly cluster: Cluster,
    private readonly docker: PopulatedDocker,
    private readonly directory: string,
  ) {}

  static async start(program: string): Promise<IdleHost> {
    const directory = await mkdtemp(join(tmpdir(), 'xnet-idle-'));
    const docker = new PopulatedDocker();
    await docker.listen(join(directory, 'docker.sock'));
    const args = ['--docker-host', `unix://${directory}/docker.sock`];
    const cluster = await Cluster.start(1, { args, program });
    await populate(cluster.host(1).daemon, docker, numberOf('networks'), numberOf('endpoints'));
    return new IdleHost(program, cluster, docker, directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
    await this.docker[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true });
  }
}

function print(program: string, { daemon, keeper, programs, received, rss, standing }: Consumption): void {
  const total = daemon + keeper + programs;
  const parts = `daemon ${daemon.toFixed(2)}, keeper ${keeper.toFixed(2)}, programs ${programs.toFixed(2)}`;
  console.log(
    `${program}: ${total.toFixed(2)} ms/s (${parts}), ${Math.round(received)} B/s from etcd, ` +
      `daemon ${rss.toFixed(0)} MB, ${standing} standing programs`,
  );
}

const hosts: IdleHost[] = [];
try {
  for (const program of ['bin/xnet', ...values.also]) hosts.push(await IdleHost.start(program));
  await sleep(numberOf('settle') * 1000);
  for (let round = 0; round < numberOf('rounds'); round++) {
    for (const { program, cluster } of hosts)
      print(program, await measureConsumption(cluster.host(1).daemon, numberOf('seconds')));
  }
  for (const { program, cluster } of hosts) {
    const started = await listStartedPrograms(cluster.host(1).daemon, numberOf('seconds'));
    console.log(`${program}: ${started.length} programs started in ${values.seconds} s`, new Set(started));
  }
  if (values.stay) {
    for (const { program, cluster } of hosts)
      console.log(program, 'daemon', cluster.host(1).daemon.daemonPid);
    await new Promise((resolve) => process.once('SIGTERM', resolve));
  }
} finally {
  for (const host of hosts) await host[Symbol.asyncDispose]();
}
