import type { DockerContainer, Engine } from '../../docker/engine.js';
import { isQuestionable } from './mirror-members.js';
import type { MirrorView } from './mirror-plan.js';

/** This host's containers, asked of Docker only where the mirror's plan needs them. */
export class NeededContainers {
  readonly #engine: Pick<Engine, 'listContainers'>;
  /** Docker networks, by id, that are gone and named by no container; none ever comes to name one of them. */
  readonly #forgotten = new Set<string>();

  constructor(engine: Pick<Engine, 'listContainers'>) {
    this.#engine = engine;
  }

  /** Those that do not run too; none when no rule asks for them. Throws Docker's errors. */
  async find(view: Pick<MirrorView, 'networks' | 'bindings' | 'dockerNetworks'>) {
    const former = view.networks.flatMap(({ mirror }) => mirror?.former ?? []);
    const isAsked = view.networks.some((network) => {
      const isBound = view.bindings.some(({ networkId }) => networkId === network.id);
      return isBound && isQuestionable(network, view.bindings);
    });
    if (!isAsked && former.every((id) => this.#forgotten.has(id))) return [];
    const containers = await this.#engine.listContainers({ all: true });
    this.#noteForgotten(former, containers, view.dockerNetworks);
    return containers;
  }

  #noteForgotten(
    former: readonly string[],
    containers: readonly DockerContainer[],
    present: MirrorView['dockerNetworks'],
  ): void {
    const named = containers.flatMap(({ endpoints }) => endpoints.map(({ networkId }) => networkId));
    const known = new Set([...named, ...present.map(({ id }) => id)]);
    for (const id of former) if (!known.has(id)) this.#forgotten.add(id);
  }
}
