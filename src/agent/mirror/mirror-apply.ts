/** The effects of the mirror's steps. Each is idempotent and looks again before it makes or removes anything. */
import type { Engine } from '../../docker/engine.js';
import type { Move } from '../../driver/networks/network-move.js';
import type { OwnActions } from '../../driver/networks/own-actions.js';
import { isXnetError, XnetError } from '../../errors.js';
import type { BindingRecord, BindingReference } from '../../model/binding.js';
import type { Logger } from '../../observability/logger.js';
import type { Store } from '../../store/store.js';
import type { DockerFacts } from '../hosts/host-registration.js';
import { copyOf, GATEWAY_BRIDGE_SPEC, mirrorOf } from './mirror-copy.js';
import { belongsTo, isConnectedTo } from './mirror-members.js';
import { conflictText, type MirrorStep, type RemovalCause } from './mirror-plan.js';
import { findNetwork, noteSeen, publishMirror, relabel, undoRemoval } from './mirror-records.js';

export interface MirrorEffects {
  readonly store: Store;
  readonly engine: Engine;
  readonly hostId: string;
  /** Name under which this host's Docker knows xnet. */
  readonly driver: string;
  readonly logger: Logger;
  /** Unbinds a Docker network that is gone; `lost`: no user removed it. */
  readonly unbind: (binding: BindingReference, options: { lost: boolean }) => Promise<void>;
  /** Removes the network of a copy that a user removed, and that was unbound before it was known as seen. */
  readonly withdraw: (binding: BindingReference) => Promise<void>;
  /** Binds a Docker network that no container has been in to another network of the cluster. */
  readonly move: (move: Move) => Promise<void>;
  /** For log lines. */
  readonly hostName: (hostId: string) => string;
  readonly registration: DockerRegistration;
  readonly ownActions: OwnActions;
}

/** Where the cluster reads what this host's Docker has. */
export interface DockerRegistration {
  readonly dockerFacts: Partial<DockerFacts> & Pick<DockerFacts, 'gatewaySubnets'>;
  publishDocker(facts: DockerFacts): Promise<void>;
  /** Whether the records of this host are this machine's (records-owner.ts). */
  recognize(database: string, bindings: readonly BindingRecord[]): boolean;
}

type Step<Name extends MirrorStep['do']> = Extract<MirrorStep, { do: Name }>;

/** Identifies a step: the same step of two plans has the same key. */
export function stepKey(step: MirrorStep): string {
  const { do: verb } = step;
  if ('network' in step) return `${verb} ${step.network.id}`;
  if ('dockerNetwork' in step) return `${verb} ${step.dockerNetwork.id}`;
  if (step.do === 'bridge' || step.do === 'announce') return verb;
  return `${verb} ${'binding' in step ? step.binding.dockerNetworkId : step.networkId}`;
}

/** For messages: `create network shop`. */
export function stepTitle(step: MirrorStep): string {
  switch (step.do) {
    case 'publish':
      return `mirror network ${step.dockerNetwork.name}`;
    case 'join':
      return `tie network ${step.dockerNetwork.name} to that of the other hosts`;
    case 'replace':
      return `put network ${step.dockerNetwork.name} of the other hosts in the place of this host's`;
    case 'see':
      return `note network ${step.dockerNetwork.name}`;
    case 'copy':
      return `create network ${step.network.mirror?.name ?? step.network.id} on this host`;
    case 'remove':
      return `remove network ${step.dockerNetwork.name} from this host`;
    case 'bridge':
      return 'create docker_gwbridge';
    case 'announce':
      return `publish the subnets of docker_gwbridge (${step.facts.gatewaySubnets.join(', ')})`;
    case 'keep':
      return `undo the removal of network ${step.networkId}`;
    case 'reconnect':
      return `tie containers that do not run to network ${step.dockerNetwork.name}`;
    case 'unbind':
      return `forget Docker network ${step.binding.dockerNetworkId}`;
  }
}

/** `database`: identity of the Docker network database that the plan was made for. */
export async function applyMirrorStep(
  effects: MirrorEffects,
  step: MirrorStep,
  database: string,
): Promise<void> {
  switch (step.do) {
    case 'publish':
      return publish(effects, step, database);
    case 'join':
      return join(effects, step, database);
    case 'replace':
      return replace(effects, step, database);
    case 'see':
      return see(effects, step.networkId, step.dockerNetwork, database);
    case 'copy':
      return copy(effects, step.network.id, database);
    case 'remove':
      return remove(effects, step);
    case 'bridge':
      await effects.engine.createNetwork(GATEWAY_BRIDGE_SPEC);
      return;
    case 'announce':
      return effects.registration.publishDocker(step.facts);
    case 'keep':
      return keep(effects, step);
    case 'reconnect':
      return reconnect(effects, step);
    case 'unbind':
      await effects.unbind(step.binding, { lost: step.lost });
      effects.logger.info('a Docker network is gone', { id: step.binding.dockerNetworkId, lost: step.lost });
      return effects.ownActions.forgetMade(step.binding.dockerNetworkId);
  }
}

async function publish(
  effects: MirrorEffects,
  { networkId, dockerNetwork }: Step<'publish'>,
  database: string,
) {
  const { store, hostId, driver, logger } = effects;
  const { id: dockerNetworkId, name } = dockerNetwork;
  const mirror = mirrorOf(dockerNetwork, driver);
  const done = await publishMirror(store, { networkId, hostId, dockerNetworkId }, mirror, { name, database });
  if (done) logger.info('network is mirrored', { name, network: networkId });
}

async function join(
  { move, logger, hostId }: MirrorEffects,
  step: Step<'join'>,
  database: string,
): Promise<void> {
  const { networkId, holderId, dockerNetwork } = step;
  const { id: dockerNetworkId, name, labels } = dockerNetwork;
  await move({ networkId, hostId, dockerNetworkId, to: holderId, seen: { name, database }, labels });
  logger.info('network is that of the other hosts', { name, network: holderId });
}

async function see(
  { store, hostId, ownActions }: MirrorEffects,
  networkId: string,
  { id: dockerNetworkId, name }: { id: string; name: string },
  database: string,
): Promise<void> {
  await noteSeen(store, { networkId, hostId, dockerNetworkId }, { name, database });
  ownActions.forgetMade(dockerNetworkId);
}

async function copy(effects: MirrorEffects, id: string, database: string): Promise<void> {
  const { store, engine, hostId, driver, logger, ownActions } = effects;
  const current = await findNetwork(store, id);
  if (!current?.mirror || current.mirror.removal) return;
  const { id: networkId, mirror } = current;
  const { name } = mirror;
  await ownActions.making(async () => {
    const id = await engine.createNetwork(copyOf(networkId, mirror, driver));
    // From now on its removal by a user is known as such.
    ownActions.noteMade(id, { name, database });
    logger.info('network created, as in the rest of the cluster', { name, network: networkId });
    // Users see it before Docker answers: one has removed it already.
    if (ownActions.isUnboundUnseen(id)) await effects.withdraw({ networkId, hostId, dockerNetworkId: id });
    await see(effects, networkId, { id, name }, database);
  });
}

const REASONS: Readonly<Record<RemovalCause, string>> = {
  removed: 'it was removed on another host',
  orphan: 'it is no longer in the cluster',
};

async function remove(effects: MirrorEffects, step: Step<'remove'>): Promise<void> {
  const { engine, logger, ownActions } = effects;
  const { id, name } = step.dockerNetwork;
  if (!(await causeStands(effects, step))) return;
  await ownActions.removing(id, () => engine.removeNetwork(id));
  logger.info('network removed from this host', { name, reason: REASONS[step.cause] });
}

/** Throws IN_USE when even a stopped container would miss the network. */
async function causeStands(
  { store, engine }: MirrorEffects,
  { cause, networkId, dockerNetwork }: Step<'remove'>,
): Promise<boolean> {
  const network = await findNetwork(store, networkId);
  if (cause === 'removed' ? !network?.mirror?.removal : network) return false;
  const containers = await engine.listContainers({ all: true });
  if (!containers.some((container) => belongsTo(container, dockerNetwork))) return true;
  throw new XnetError('IN_USE', `containers use network ${dockerNetwork.name}`);
}

/** In one step, so that the host is without a network of the name for a moment only. Throws IN_USE when containers have run in it. */
async function replace(effects: MirrorEffects, step: Step<'replace'>, database: string): Promise<void> {
  const { store, engine, logger, ownActions } = effects;
  const { dockerNetwork, networkId, labels } = step;
  const { id, name } = dockerNetwork;
  if ((await findNetwork(store, networkId))?.name !== name) return;
  const containers = await engine.listContainers({ all: true });
  if (containers.some((container) => isConnectedTo(container, dockerNetwork)))
    throw new XnetError('IN_USE', conflictText(name));
  if (labels) await relabel(store, networkId, labels);
  await ownActions.removing(id, () => engine.removeNetwork(id));
  logger.info('network removed from this host', { name, reason: 'that of the other hosts takes its place' });
  await copy(effects, networkId, database);
}

async function reconnect({ engine, logger }: MirrorEffects, step: Step<'reconnect'>): Promise<void> {
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
  { store, logger, hostName, hostId }: MirrorEffects,
  { networkId, here }: Step<'keep'>,
): Promise<void> {
  const undone = await undoRemoval(store, networkId, here ? hostId : undefined);
  if (!undone) return;
  const { name, hosts } = undone;
  logger.warn('the removal of a network is undone: containers use it', {
    name,
    network: networkId,
    hosts: hosts.map(hostName),
  });
}

/** True when a step failed only because Docker had changed since the plan's view; the next look plans anew. */
export function isOutdated(step: MirrorStep, error: unknown): boolean {
  if (step.do === 'remove' && step.cause === 'removed') return isXnetError(error, 'IN_USE', 'NOT_FOUND');
  if (step.do === 'join') return isXnetError(error, 'IN_USE');
  return ['copy', 'bridge', 'publish'].includes(step.do) && isXnetError(error, 'EXISTS');
}
