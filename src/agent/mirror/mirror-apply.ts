/** The effects of the mirror's steps. Each is idempotent and looks again before it makes or removes anything. */
import { isXnetError, XnetError } from '../../errors.js';
import { copyOf, gatewayBridge, mirrorOf } from './mirror-copy.js';
import { belongsTo, isConnectedTo } from './mirror-members.js';
import { conflictText } from './mirror-plan.js';
import { findNetwork, noteSeen, publishMirror, relabel, undoRemoval } from './mirror-records.js';
import type { MirrorStep, RemovalCause, Step } from './mirror-step.js';
import type { MirrorParts } from './mirror-view.js';

/** `database`: identity of the Docker network database that the plan was made for. */
type Apply<S> = (parts: MirrorParts, step: S, database: string) => Promise<void>;
/** For messages: `create network shop`. */
type Title<S> = (step: S) => string;

interface Work<S> {
  readonly title: Title<S>;
  readonly apply: Apply<S>;
}

const STEPS: { readonly [Verb in MirrorStep['do']]: Work<Step<Verb>> } = {
  publish: { title: ({ dockerNetwork }) => `mirror network ${dockerNetwork.name}`, apply: publish },
  join: {
    title: ({ dockerNetwork }) => `tie network ${dockerNetwork.name} to that of the other hosts`,
    apply: join,
  },
  replace: {
    title: ({ dockerNetwork }) =>
      `put network ${dockerNetwork.name} of the other hosts in the place of this host's`,
    apply: replace,
  },
  see: { title: ({ dockerNetwork }) => `note network ${dockerNetwork.name}`, apply: see },
  copy: { title: ({ name }) => `create network ${name} on this host`, apply: copy },
  remove: {
    title: ({ dockerNetwork }) => `remove network ${dockerNetwork.name} from this host`,
    apply: remove,
  },
  bridge: { title: () => 'create docker_gwbridge', apply: bridge },
  announce: {
    title: ({ facts }) => `publish the subnets of docker_gwbridge (${facts.gatewaySubnets.join(', ')})`,
    apply: ({ registration }, { facts }) => registration.publishDocker(facts),
  },
  keep: { title: ({ networkId }) => `undo the removal of network ${networkId}`, apply: keep },
  reconnect: {
    title: ({ dockerNetwork }) => `tie containers that do not run to network ${dockerNetwork.name}`,
    apply: reconnect,
  },
  unbind: { title: ({ binding }) => `forget Docker network ${binding.dockerNetworkId}`, apply: unbind },
};

export function stepTitle(step: MirrorStep): string {
  return workOf(step).title(step);
}

export function applyMirrorStep(parts: MirrorParts, step: MirrorStep, database: string): Promise<void> {
  return workOf(step).apply(parts, step, database);
}

function workOf(step: MirrorStep): Work<MirrorStep> {
  return STEPS[step.do] as Work<MirrorStep>;
}

/** Identifies a step: the same step of two plans has the same key. */
export function stepKey(step: MirrorStep): string {
  const { do: verb } = step;
  if ('dockerNetwork' in step) return `${verb} ${step.dockerNetwork.id}`;
  if (step.do === 'bridge' || step.do === 'announce') return verb;
  return `${verb} ${'binding' in step ? step.binding.dockerNetworkId : step.networkId}`;
}

async function publish(
  { store, hostId, logger }: MirrorParts,
  { networkId, dockerNetwork }: Step<'publish'>,
  database: string,
): Promise<void> {
  const { id: dockerNetworkId, name } = dockerNetwork;
  const binding = { networkId, hostId, dockerNetworkId };
  const done = await publishMirror(store, binding, mirrorOf(dockerNetwork), { name, database });
  if (done) logger.info('network is mirrored', { name, network: networkId });
}

async function join(
  { networks, logger, hostId }: MirrorParts,
  { networkId, holderId, dockerNetwork }: Step<'join'>,
  database: string,
): Promise<void> {
  const { id: dockerNetworkId, name, labels } = dockerNetwork;
  await networks.move({ networkId, hostId, dockerNetworkId, to: holderId, seen: { name, database }, labels });
  logger.info('network is that of the other hosts', { name, network: holderId });
}

async function see(
  { store, hostId, ownActions }: MirrorParts,
  { networkId, dockerNetwork: { id: dockerNetworkId, name } }: Step<'see'>,
  database: string,
): Promise<void> {
  await noteSeen(store, { networkId, hostId, dockerNetworkId }, { name, database });
  ownActions.made.delete(dockerNetworkId);
}

async function copy(parts: MirrorParts, step: Step<'copy'>, database: string): Promise<void> {
  const { store, engine, hostId, logger, networks, ownActions } = parts;
  const { networkId } = step;
  const { mirror, mode } = (await findNetwork(store, networkId)) ?? {};
  if (!mirror || mirror.removal) return;
  const { name } = mirror;
  await ownActions.making(async () => {
    const id = await engine.createNetwork(copyOf(networkId, mirror, mode));
    // From now on its removal by a user is known as such.
    ownActions.made.set(id, { name, database });
    logger.info('network created, as in the rest of the cluster', { name, network: networkId });
    // Users see it before Docker answers: one has removed it already.
    if (ownActions.isUnboundUnseen(id)) await networks.withdraw({ networkId, hostId, dockerNetworkId: id });
    await see(parts, { do: 'see', networkId, dockerNetwork: { id, name } }, database);
  });
}

const REASONS: Readonly<Record<RemovalCause, string>> = {
  removed: 'it was removed on another host',
  orphan: 'it is no longer in the cluster',
};

async function remove(parts: MirrorParts, step: Step<'remove'>): Promise<void> {
  const { engine, logger, ownActions } = parts;
  const { id, name } = step.dockerNetwork;
  if (!(await causeStands(parts, step))) return;
  await ownActions.removing(id, () => engine.removeNetwork(id));
  logger.info('network removed from this host', { name, reason: REASONS[step.cause] });
}

/** Throws IN_USE when even a stopped container would miss the network. */
async function causeStands(
  { store, engine }: MirrorParts,
  { cause, networkId, dockerNetwork }: Step<'remove'>,
): Promise<boolean> {
  const network = await findNetwork(store, networkId);
  if (cause === 'removed' ? !network?.mirror?.removal : network) return false;
  const containers = await engine.listContainers({ all: true });
  if (!containers.some((container) => belongsTo(container, dockerNetwork))) return true;
  throw new XnetError('IN_USE', `containers use network ${dockerNetwork.name}`);
}

/** In one step, so that the host is without a network of the name for a moment only. Throws IN_USE when containers have run in it. */
async function replace(parts: MirrorParts, step: Step<'replace'>, database: string): Promise<void> {
  const { store, engine, logger, ownActions } = parts;
  const { dockerNetwork, networkId, labels } = step;
  const { id, name } = dockerNetwork;
  if ((await findNetwork(store, networkId))?.name !== name) return;
  const containers = await engine.listContainers({ all: true });
  if (containers.some((container) => isConnectedTo(container, dockerNetwork)))
    throw new XnetError('IN_USE', conflictText(name));
  if (labels) await relabel(store, networkId, labels);
  await ownActions.removing(id, () => engine.removeNetwork(id));
  logger.info('network removed from this host', { name, reason: 'that of the other hosts takes its place' });
  await copy(parts, { do: 'copy', networkId, name }, database);
}

async function bridge({ engine, outwardMtu }: MirrorParts): Promise<void> {
  await engine.createNetwork(gatewayBridge(await outwardMtu()));
}

async function unbind(
  { networks, logger, ownActions }: MirrorParts,
  { binding, lost }: Step<'unbind'>,
): Promise<void> {
  const { dockerNetworkId: id } = binding;
  await networks.unbind(binding, { lost });
  logger.info('a Docker network is gone', { id, lost });
  ownActions.made.delete(id);
}

async function reconnect({ engine, logger }: MirrorParts, step: Step<'reconnect'>): Promise<void> {
  const { dockerNetwork, containerIds } = step;
  for (const id of containerIds) {
    await engine.reconnectContainer(id, dockerNetwork);
    logger.info('a container is tied to the network that came in the place of its own', {
      container: id,
      name: dockerNetwork.name,
    });
  }
}

async function keep(
  { store, logger, hosts, hostId }: MirrorParts,
  { networkId, here }: Step<'keep'>,
): Promise<void> {
  const undone = await undoRemoval(store, networkId, here ? hostId : undefined);
  if (!undone) return;
  logger.warn('the removal of a network is undone: containers use it', {
    name: undone.name,
    network: networkId,
    hosts: undone.hosts.map((id) => hosts.nameOf(id)),
  });
}

/** True when a step failed only because Docker had changed since the plan's view; the next look plans anew. */
export function isOutdated(step: MirrorStep, error: unknown): boolean {
  if (step.do === 'remove' && step.cause === 'removed') return isXnetError(error, 'IN_USE', 'NOT_FOUND');
  if (step.do === 'join') return isXnetError(error, 'IN_USE');
  return ['copy', 'bridge', 'publish'].includes(step.do) && isXnetError(error, 'EXISTS');
}
