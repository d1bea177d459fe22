/** What users do with containers. */
import { pick, type Random, shuffle } from '../../support/random.js';
import {
  type Container,
  isServing,
  knownContainers,
  type Model,
  mayRefuse,
  mayRefuseStart,
  networksOn,
} from '../model.js';
import type { Kind, Operation } from '../operation.js';

/** More would make the checks long: each reaches each. */
export const MOST_CONTAINERS = 10;

const run: Kind = {
  name: 'run',
  weight: 16,
  draw(model, random) {
    const hosts = model.hosts.filter((host) => isServing(model, host) && networksOn(model, host).length > 0);
    if (hosts.length === 0 || model.containers.length >= MOST_CONTAINERS) return undefined;
    const host = pick(random, hosts);
    const networks = shuffle(random, networksOn(model, host)).slice(0, random() < 0.25 ? 2 : 1);
    return runContainer(`c${model.named + 1}`, host, networks, random() < 0.5);
  },
};

function runContainer(name: string, host: string, networks: string[], comesBack: boolean): Operation {
  return {
    kind: 'run',
    text: `run ${name} on ${host} in ${networks.join(' and ')}${comesBack ? ', to come back' : ''}`,
    owns: [name],
    uses: [host, ...networks],
    mayFail: (model) => mayRefuseStart(model, host, networks),
    apply: (model, doubtful) => {
      model.named += 1;
      model.containers.push({ name, host, networks, comesBack, running: true, doubtful, settled: false });
    },
    perform: async ({ lab }) => {
      const joined = networks.flatMap((network) => ['--network', network]);
      const options = ['--name', name, '--stop-signal', 'KILL', '--restart', comesBack ? 'always' : 'no'];
      await lab.docker(host, 'run', '-d', ...options, ...joined, 'tools', 'sleep', '1d');
    },
  };
}

const rm: Kind = {
  name: 'rm',
  weight: 4,
  draw: (model, random) =>
    withContainer(model, random, isAny, (container) => ({
      text: `rm ${named(container)}`,
      apply: (after) => {
        after.containers = after.containers.filter(({ name }) => name !== container.name);
      },
      command: ['rm', '-f', container.name],
    })),
};

const stop: Kind = {
  name: 'stop',
  weight: 4,
  draw: (model, random) =>
    withContainer(model, random, isRunning, (container) => ({
      text: `stop ${named(container)}`,
      apply: (after) => change(after, container, { running: false, settled: false }),
      command: ['stop', container.name],
    })),
};

const start: Kind = {
  name: 'start',
  weight: 4,
  draw: (model, random) =>
    withContainer(model, random, canStart(model), (container) => ({
      text: `start ${named(container)}`,
      mayFail: (state) =>
        mayRefuseStart(state, container.host, container.networks) ||
        (container.hasMac === true && mayRefuse(state, container.host)),
      apply: (after, doubtful) => change(after, container, { running: true, doubtful, settled: false }),
      command: ['start', container.name],
    })),
};

const connect: Kind = {
  name: 'connect',
  weight: 4,
  draw: (model, random) => {
    const others = ({ host, networks }: Container) =>
      networksOn(model, host).filter((network) => !networks.includes(network));
    const canJoin = (container: Container) => container.running && others(container).length > 0;
    return withContainer(model, random, canJoin, (container) => {
      const network = pick(random, others(container));
      return {
        text: `connect ${named(container)} to ${network}`,
        mayFail: (state) => mayRefuseStart(state, container.host, [network]),
        uses: [network],
        apply: (after, doubtful) => {
          const networks = [...container.networks, network];
          change(after, container, { networks, doubtful, settled: false });
        },
        command: ['network', 'connect', network, container.name],
      };
    });
  },
};

const disconnect: Kind = {
  name: 'disconnect',
  weight: 3,
  draw: (model, random) => {
    const hasMany = ({ running, networks }: Container) => running && networks.length > 1;
    return withContainer(model, random, hasMany, (container) => {
      const network = pick(random, container.networks);
      return {
        text: `disconnect ${named(container)} from ${network}`,
        apply: (after) => {
          const networks = container.networks.filter((name) => name !== network);
          change(after, container, { networks, settled: false });
        },
        command: ['network', 'disconnect', network, container.name],
      };
    });
  },
};

interface Deed extends Pick<Operation, 'text' | 'mayFail' | 'uses' | 'apply'> {
  /** Of docker. */
  readonly command: readonly string[];
}

/** The operation on one of the containers that suit, with its host and networks in use. */
function withContainer(
  model: Model,
  random: Random,
  suits: (container: Container) => boolean,
  act: (container: Container) => Deed,
): Operation | undefined {
  const all = knownContainers(model).filter(
    (container) => isServing(model, container.host) && suits(container),
  );
  if (all.length === 0) return undefined;
  const container = pick(random, all);
  const { command, uses = [], ...deed } = act(container);
  return {
    kind: command[0] === 'network' ? (command[1] ?? '') : (command[0] ?? ''),
    ...deed,
    owns: [container.name],
    uses: [container.host, ...container.networks, ...uses],
    perform: async ({ lab }) => void (await lab.docker(container.host, ...command)),
  };
}

function change(model: Model, { name }: Container, to: Partial<Container>): void {
  model.containers = model.containers.map((container) =>
    container.name === name ? { ...container, ...to } : container,
  );
}

function named({ name, host }: Container): string {
  return `${name} on ${host}`;
}

const isAny = () => true;
const isRunning = ({ running }: Container) => running;
/** Its host certainly has its networks. */
const canStart =
  (model: Model) =>
  ({ running, host, networks }: Container) =>
    !running && networks.every((network) => networksOn(model, host).includes(network));

export const CONTAINER_KINDS: readonly Kind[] = [run, rm, stop, start, connect, disconnect];
