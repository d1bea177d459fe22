/** What a look of the mirror finds: this host's Docker, the records of the cluster, and what is missing for how long. */
import type { DockerContainer, DockerNetwork, Engine } from '../../docker/engine.js';
import type { Networks } from '../../driver/networks/networks.js';
import type { NewNetworks } from '../../driver/networks/new-networks.js';
import type { OwnActions } from '../../driver/networks/own-actions.js';
import type { BindingRecord, Seen } from '../../model/binding.js';
import type { NetworkRecord } from '../../model/network.js';
import type { Logger } from '../../observability/logger.js';
import type { View } from '../../replica/view.js';
import type { Store } from '../../store/store.js';
import type { DockerFacts, HostRegistration } from '../hosts/host-registration.js';
import type { HostsView } from '../hosts/hosts-view.js';
import { Absences } from '../local/absences.js';
import { BINDINGS } from './mirror-lists.js';
import { isOurs } from './mirror-members.js';
import { hostsWithEndpoints } from './mirror-records.js';

export interface MirrorView {
  readonly networks: readonly NetworkRecord[];
  /** Of this host. */
  readonly bindings: readonly BindingRecord[];
  /** Networks, by id, that have endpoints on any host; of those on which a rule depends. */
  readonly used: ReadonlySet<string>;
  /** Of this host, also those that do not run; none where no rule depends on them. */
  readonly containers: readonly DockerContainer[];
  /** All networks of this host's Docker. */
  readonly dockerNetworks: readonly DockerNetwork[];
  /** Subnets of this host's docker_gwbridge and its network database, as the cluster knows them. */
  readonly published: DockerFacts;
  /** Identity of Docker's network database: the id of a network that Docker makes with it and never again. */
  readonly database: string;
  /** Bound Docker networks, by id, that are certainly not in Docker any more. */
  readonly gone: ReadonlySet<string>;
  /** What a binding is to have for `seen`, by Docker network id, where that could not be written yet. */
  readonly made: ReadonlyMap<string, Seen>;
  /** Docker networks of xnet, by id, that have been without a binding for long. */
  readonly strays: ReadonlySet<string>;
  /**
   * Networks of the cluster, by id, that a user of this host removed a moment ago. He, or a tool (Compose), may be about to
   * create one of that name again (`awaited`, for a shorter while), or has done so.
   */
  readonly justRemoved: ReadonlySet<string>;
  readonly awaited: ReadonlySet<string>;
}

export interface MirrorTiming {
  /** Longest time between two looks, in ms. */
  readonly sweepMs: number;
  /** How long a Docker network must be missing to count as removed, when no event reported that, in ms. */
  readonly goneMs: number;
  /** The same for one that was never seen in Docker: it may be under creation. */
  readonly unseenMs: number;
  /**
   * How long after the removal of a network here its name is left to whoever removed it, in ms: the network comes back
   * only then where other hosts use it.
   */
  readonly successorMs: number;
  /**
   * How long a network that was created in the place of the removed one is neither published nor replaced while other
   * hosts have not carried out or undone the removal, in ms.
   */
  readonly removalMs: number;
}

/** What the mirror works with. */
export interface MirrorParts {
  readonly store: Store;
  readonly engine: Engine;
  readonly hostId: string;
  /** Of the cluster. */
  readonly clusterNetworks: View<NetworkRecord>;
  /** Of this host. */
  readonly bindings: View<BindingRecord>;
  /**
   * In a swarm: written when any host binds or unbinds a network. A network of global scope that was removed on another host is
   * gone from this Docker without an event.
   */
  readonly guards?: Pick<View<string>, 'ready' | 'onChange'> | undefined;
  readonly hosts: Pick<HostsView, 'nameOf'>;
  readonly registration: Pick<HostRegistration, 'dockerFacts' | 'publishDocker' | 'recognize'>;
  readonly networks: Pick<Networks, 'unbind' | 'withdraw' | 'move'>;
  readonly newNetworks: NewNetworks;
  readonly ownActions: OwnActions;
  readonly logger: Logger;
  /** Of the interface by which this host reaches what is outside; undefined: not known. Never rejects. */
  readonly outwardMtu: () => Promise<number | undefined>;
  /** Called at every look with the networks that Docker has. */
  readonly onListed: (dockerNetworks: readonly DockerNetwork[]) => void;
}

type Lists = Pick<MirrorView, 'networks' | 'bindings' | 'dockerNetworks'>;

/** Makes the views of one mirror, each from what Docker and the cluster have now and from the looks before. */
export class MirrorViews {
  readonly #missing = new Absences();
  readonly #unbound = new Absences();
  readonly #destroyed = new Set<string>();
  /** Docker networks, by id, that are gone and named by no container; none ever comes to name one of them. */
  readonly #forgotten = new Set<string>();

  constructor(
    private readonly parts: MirrorParts,
    private readonly timing: MirrorTiming,
  ) {}

  /** Docker has reported the removal of one of its networks. */
  noteDestroyed(dockerNetworkId: string): void {
    this.#destroyed.add(dockerNetworkId);
  }

  /** `dockerNetworks`: as listed just now. Throws DOCKER and the store's errors. */
  async take(dockerNetworks: readonly DockerNetwork[]): Promise<MirrorView> {
    const { clusterNetworks, registration, ownActions } = this.parts;
    const lists = {
      networks: clusterNetworks.records,
      bindings: this.parts.bindings.records,
      dockerNetworks,
    };
    const questionable = lists.networks.filter((network) => isQuestionable(network, lists.bindings));
    return {
      ...lists,
      containers: await this.#findContainers(lists, questionable),
      published: registration.dockerFacts,
      database: dockerNetworks.find(({ name, driver }) => name === 'host' && driver === 'host')?.id ?? '',
      used: await this.#findUsed(questionable),
      gone: this.#findGone(lists),
      made: ownActions.made,
      strays: this.#findStrays(dockerNetworks),
      justRemoved: new Set(ownActions.findMarked(this.timing.removalMs).keys()),
      awaited: this.#findAwaited(lists),
    };
  }

  /** The longest pause until the next look, by what the last one found. That may come early (`untilTick`), and then another is due. */
  get pauseMs(): number {
    const { sweepMs, goneMs, successorMs, removalMs } = this.timing;
    const absent = [this.#missing, this.#unbound].filter(({ size }) => size > 0);
    const now = performance.now();
    const removed = [...this.parts.ownActions.findMarked(removalMs).values()].map(({ sinceMs }) => {
      const left = sinceMs + successorMs - now;
      return left >= 0 ? left : successorMs;
    });
    return Math.min(sweepMs, ...absent.map((each) => each.leftOf(goneMs)), ...removed);
  }

  async #findContainers(
    { networks, bindings, dockerNetworks }: Lists,
    questionable: readonly NetworkRecord[],
  ): Promise<readonly DockerContainer[]> {
    const former = networks.flatMap(({ mirror }) => mirror?.former ?? []);
    const isAsked = questionable.some(({ id }) => bindings.some(({ networkId }) => networkId === id));
    if (!isAsked && former.every((id) => this.#forgotten.has(id))) return [];
    const containers = await this.parts.engine.listContainers({ all: true });
    const named = containers.flatMap(({ endpoints }) => endpoints.map(({ networkId }) => networkId));
    const known = new Set([...named, ...dockerNetworks.map(({ id }) => id)]);
    for (const id of former) if (!known.has(id)) this.#forgotten.add(id);
    return containers;
  }

  async #findUsed(questionable: readonly NetworkRecord[]): Promise<ReadonlySet<string>> {
    const hosts = await Promise.all(questionable.map(({ id }) => hostsWithEndpoints(this.parts.store, id)));
    return new Set(questionable.filter((_, index) => hosts[index]?.length).map(({ id }) => id));
  }

  /** Networks that were just removed here, in whose place no other has been created yet. */
  #findAwaited({ networks, dockerNetworks }: Lists): ReadonlySet<string> {
    const marked = this.parts.ownActions.findMarked(this.timing.successorMs);
    for (const { id, mirror } of networks) {
      // Docker may still be about to remove the former one.
      const isSuccessor = (each: DockerNetwork) =>
        each.name === mirror?.name && !mirror.former?.includes(each.id);
      const mark = marked.get(id);
      if (mark && dockerNetworks.some(isSuccessor)) mark.hasSuccessor = true;
    }
    return new Set([...marked].flatMap(([id, { hasSuccessor }]) => (hasSuccessor ? [] : [id])));
  }

  #findGone({ bindings, dockerNetworks }: Lists): ReadonlySet<string> {
    const { goneMs, unseenMs } = this.timing;
    const present = new Set(dockerNetworks.map(({ id }) => id));
    const missing = bindings.filter(({ dockerNetworkId }) => !present.has(dockerNetworkId));
    this.#missing.note(missing.map(({ dockerNetworkId }) => dockerNetworkId));
    const gone = missing.filter(
      ({ dockerNetworkId, seen }) =>
        this.#destroyed.has(dockerNetworkId) ||
        this.#missing.isLongerThan(dockerNetworkId, seen ? goneMs : unseenMs),
    );
    const bound = new Set(bindings.map(({ dockerNetworkId }) => dockerNetworkId));
    for (const id of this.#destroyed) if (!bound.has(id)) this.#destroyed.delete(id);
    return new Set(gone.map(({ dockerNetworkId }) => dockerNetworkId));
  }

  #findStrays(dockerNetworks: readonly DockerNetwork[]): ReadonlySet<string> {
    const { bindings } = this.parts;
    // Of the last seconds before a crash nothing is known until the store answers.
    if (!bindings.isCurrent) return new Set();
    // By the keys: bound is bound, also when the record cannot be read.
    const bound = new Set([...bindings.all()].map(({ key }) => key.split('/').at(-1)));
    const unbound = dockerNetworks.filter((each) => isOurs(each) && !bound.has(each.id));
    const ids = unbound.map(({ id }) => id);
    this.#unbound.note(ids);
    return new Set(ids.filter((id) => this.#unbound.isLongerThan(id, this.timing.goneMs)));
  }
}

/** Under removal, or not known to have its name for itself: whether it is used decides what becomes of it. */
function isQuestionable({ id, name, mirror }: NetworkRecord, bindings: readonly BindingRecord[]): boolean {
  if (mirror) return mirror.removal !== undefined;
  return name === undefined && BINDINGS.byNetwork.has(bindings, id);
}
