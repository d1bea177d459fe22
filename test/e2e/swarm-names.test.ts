/** Names of swarm's services in a network of global scope, as all containers of all nodes are told them. */
import { expect } from '@jest/globals';
import { type Container, greetingServer, runContainer } from '../support/containers/containers.js';
import { Lookups } from '../support/dns/lookups.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import {
  addressesOf,
  createOnSwarm,
  createService,
  deployStack,
  globalSwarm,
  OLDER_NODES,
  runningTasks,
} from '../support/swarm/swarm.js';

/** Of a task that is told to stop, or is found to be well: less than it may take to end. */
const IN_SERVICE_MS = 5_000;

/** Compose takes single dollars for itself. */
const GREETS = ['sh', '-c', greetingServer('$TASK').replaceAll('$', '$$$$')];

/** `web` behind a virtual IP, `rr` without, and each with another name. */
const STACK = {
  version: '3.8',
  networks: { net: { external: true, name: 'shop' } },
  services: {
    web: { ...service('www'), deploy: { replicas: 4, endpoint_mode: 'vip' } },
    rr: {
      ...service('round'),
      deploy: { replicas: 3, endpoint_mode: 'dnsrr' },
      // Exposed, for SRV.
      ports: [{ target: 7, published: 8007, mode: 'host' }],
    },
  },
};

function service(alias: string) {
  const networks = { net: { aliases: [alias] } };
  return {
    image: 'tools',
    command: GREETS,
    environment: ['TASK={{.Task.Name}}'],
    stop_signal: 'KILL',
    networks,
  };
}

async function lookupsFrom(containers: readonly Container[]): Promise<Lookups[]> {
  return Promise.all(containers.map((container) => Lookups.from(container)));
}

/** Who asks: containers that are no tasks, and a task on every node. */
async function askers(lab: Lab, tasks: readonly Container[]): Promise<Lookups[]> {
  const alone = await Promise.all(['h1', 'h3'].map((host) => runContainer(lab, host, 'shop')));
  const ofNodes = lab.hosts.map((host) => tasks.find((task) => task.host === host) as Container);
  return lookupsFrom([...alone, ...ofNodes]);
}

describeInLab('swarm names', globalSwarm(1, OLDER_NODES), (test) => {
  test("a service, its tasks and its aliases are the tasks' addresses for all, in both endpoint modes", async (lab) => {
    await createOnSwarm(lab, 'shop');
    await deployStack(lab, 'stack', STACK);
    const client = await runContainer(lab, 'h2', 'shop', { name: 'client' });
    const web = await runningTasks(lab, 'stack_web', 'shop', 4);
    const rr = await runningTasks(lab, 'stack_rr', 'shop', 3);
    const all = await askers(lab, rr);
    for (const [tasks, names] of [
      [web, ['stack_web', 'web', 'www']],
      [rr, ['stack_rr', 'rr', 'round']],
    ] as const) {
      const addresses = await addressesOf(tasks);
      const both = names.flatMap((name) => [name, `${name}.shop`, `tasks.${name}`]);
      for (const lookups of all) {
        await Promise.all(both.map((name) => lookups.finds(name, addresses)));
        await Promise.all(names.map((name) => lookups.dockerFinds(`tasks.${name}`, addresses)));
      }
      for (const name of names) {
        expect((await client.dig('+tcp', name)).sort()).toEqual(addresses);
        expect(tasks.map((task) => task.name)).toContain(await client.greetOverTcp(name));
      }
    }
    // Where Docker's own resolver leads nowhere.
    const [lookups] = all as [Lookups];
    const [virtual = ''] = (await lookups.askDocker('www')) ?? [];
    expect([...(await addressesOf(web)), undefined]).not.toContain(virtual);
    expect(await client.exec('getent', 'ahostsv4', 'www')).not.toContain(`${virtual} `);

    const [task] = rr as [Container];
    expect(await client.dig('-x', await task.address())).toEqual([`${task.name}.shop.`]);
    const served = await client.dig('SRV', '_7._tcp.stack_rr');
    expect(served.sort()).toEqual(rr.map(({ name }) => `0 0 7 ${name}.shop.`).sort());
  });

  test('a task is found once its health check finds it well, and not while it is stopping', async (lab) => {
    await createOnSwarm(lab, 'shop');
    const check = ['--health-cmd', 'test -e /well', '--health-interval', '0.5s', '--health-retries', '1000'];
    await createService(lab, 'sick', {
      network: 'shop',
      replicas: 2,
      options: [...check, '--stop-signal', 'TERM', '--stop-grace-period', '30s'],
      command: ['sh', '-c', 'trap "" TERM; sleep 1d & wait; sleep 1d'],
    });
    const client = await runContainer(lab, 'h1', 'shop');
    const starting = await runningTasks(lab, 'sick', 'shop', 2, 'Starting');
    const all = await lookupsFrom([client, ...starting]);
    const areFound = async (tasks: readonly Container[], withinMs?: number) => {
      const addresses = await addressesOf(tasks);
      const names = ['sick', 'tasks.sick'];
      for (const lookups of all)
        await Promise.all([
          ...names.map((name) => lookups.finds(name, addresses, withinMs)),
          lookups.dockerFinds('tasks.sick', addresses, withinMs),
        ]);
    };
    await areFound([]);
    const [first, second] = starting as [Container, Container];
    await first.exec('touch', '/well');
    await areFound([first], IN_SERVICE_MS);
    await second.exec('touch', '/well');
    await areFound(starting, IN_SERVICE_MS);

    await lab.docker('h1', 'service', 'scale', '--detach', 'sick=1');
    const [left] = (await runningTasks(lab, 'sick', 'shop', 1)) as [Container];
    await areFound([left], IN_SERVICE_MS);
    const stopping = left.name === first.name ? second : first;
    expect(await stopping.inspect('{{.State.Running}}')).toBe('true');
  });
});
