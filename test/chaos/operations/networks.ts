/** Networks, created on one host and mirrored to the others. */
import { CREATE } from '../../support/containers/containers.js';
import { pick } from '../../support/random.js';
import { hasFault, isServing, type Model, mayRefuse } from '../model.js';
import type { Kind } from '../operation.js';

const MOST_NETWORKS = 4;

const create: Kind = {
  name: 'network-create',
  weight: 3,
  draw(model, random) {
    const hosts = model.hosts.filter((host) => isServing(model, host));
    if (hosts.length === 0 || model.networks.length >= MOST_NETWORKS) return undefined;
    const host = pick(random, hosts);
    const name = `n${model.named + 1}`;
    const options = random() < 0.2 ? ['--internal'] : [];
    return {
      kind: 'network-create',
      text: ['create', ...options, name, 'on', host].join(' '),
      owns: [name],
      uses: [host],
      mayFail: (state) => mayRefuse(state, host),
      apply: (after, doubtful) => {
        after.named += 1;
        after.networks.push({ name, hosts: doubtful ? [] : [host], usedOn: [], doubtful });
      },
      perform: async ({ lab }) => void (await lab.docker(host, ...CREATE, ...options, name)),
    };
  },
};

const rm: Kind = {
  name: 'network-rm',
  weight: 3,
  draw(model, random) {
    const networks = model.networks.filter(({ name, hosts, doubtful }) => {
      return !doubtful && hosts.length === model.hosts.length && !isUsed(model, name);
    });
    // Docker asks xnet, and xnet the store: where that is away, the removal cannot be told from another's loss.
    const hosts = model.hosts.filter((host) => !hasFault(model, host) && !mayRefuse(model, host));
    if (networks.length === 0 || hosts.length === 0) return undefined;
    const [{ name }, host] = [pick(random, networks), pick(random, hosts)];
    return {
      kind: 'network-rm',
      text: `remove ${name} on ${host}`,
      owns: [name],
      uses: [host],
      apply: (after) => {
        after.networks = after.networks.filter((network) => network.name !== name);
      },
      perform: async ({ lab }) => void (await lab.docker(host, 'network', 'rm', name)),
    };
  },
};

/**
 * Every network in which nothing runs on the host. What containers of other hosts belong to comes back, whether they run or
 * not; the others keep it, but for copies to which no container belongs, until the next quiet.
 */
const prune: Kind = {
  name: 'network-prune',
  weight: 2,
  draw(model, random) {
    const hosts = model.hosts.filter((host) => !losesOwn(model, host));
    if (!isAllWell(model) || hosts.length === 0) return undefined;
    const host = pick(random, hosts);
    return {
      kind: 'network-prune',
      text: `prune networks on ${host}`,
      owns: model.hosts,
      apply: (after) => {
        const pruned = after.networks.filter(({ name }) => !runsOn(after, name, host));
        for (const network of pruned) {
          const users = after.containers.filter(({ networks }) => networks.includes(network.name));
          network.hosts = [...new Set(users.map((user) => user.host))].filter((each) => each !== host);
          network.usedOn = network.usedOn.filter((each) => network.hosts.includes(each));
        }
        after.networks = after.networks.filter(({ hosts: left }) => left.length > 0);
      },
      perform: async ({ lab }) => void (await lab.docker(host, 'network', 'prune', '-f')),
    };
  },
};

/** Nothing is out of order, and every host has every network. */
function isAllWell({ faults, networks, containers, hosts }: Model): boolean {
  const isDoubtful = ({ doubtful }: { doubtful: boolean }) => doubtful;
  return (
    faults.length === 0 &&
    ![...networks, ...containers].some(isDoubtful) &&
    networks.length > 0 &&
    networks.every((network) => network.hosts.length === hosts.length)
  );
}

/** Docker takes a network from the host's own containers that do not run: they could not start any more. */
function losesOwn({ networks, containers }: Model, host: string): boolean {
  return networks.some(({ name }) => {
    const users = containers.filter((container) => container.networks.includes(name));
    return users.length > 0 && users.every((user) => user.host === host && !user.running);
  });
}

function runsOn({ containers }: Model, network: string, host: string): boolean {
  return containers.some((each) => each.running && each.host === host && each.networks.includes(network));
}

/** Also by containers that do not run or are doubtful: they would want it again. */
function isUsed(model: Model, network: string): boolean {
  return model.containers.some(({ networks }) => networks.includes(network));
}

export const NETWORK_KINDS: readonly Kind[] = [create, rm, prune];
