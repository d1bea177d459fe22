import { limitTo } from '../../concurrency/limit.js';
import { Sweep } from '../../concurrency/sweep.js';
import type { DockerNetwork, EngineEvent } from '../../docker/engine.js';
import type { NewNetworks } from '../../driver/networks/new-networks.js';
import { errorMessage, isXnetError } from '../../errors.js';
import type { BindingRecord } from '../../model/binding.js';
import type { NetworkRecord } from '../../model/network.js';
import type { View } from '../../replica/view.js';
import { Absences } from '../local/absences.js';
import { logLookFailure, lookProblems } from './look-failure.js';
import { applyMirrorStep, isOutdated, type MirrorEffects, stepKey, stepTitle } from './mirror-apply.js';
import { isDecision, noteDecisions } from './mirror-decisions.js';
import { isQuestionable } from './mirror-members.js';
import { databaseOf, type MirrorStep, type MirrorView, planMirror } from './mirror-plan.js';
import { hostsWithEndpoints } from './mirror-records.js';
import { NeededContainers } from './needed-containers.js';

export interface MirrorTiming {
  /** Longest time between two looks, in ms. Default 30000. */
  readonly sweepMs?: number;
  /** How long a Docker network must be missing to count as removed, when no event reported that, in ms. Default 5000. */
  readonly goneMs?: number;
  /** The same for one that was never seen in Docker: it may be under creation. Default 60000. */
  readonly unseenMs?: number;
  /**
   * How long after the removal of a network here its name is left to whoever removed it, in ms: the network comes back
   * only then where other hosts use it. Default 3000.
   */
  readonly successorMs?: number;
  /**
   * How long a network that was created in the place of the removed one is neither published nor replaced while other
   * hosts have not carried out or undone the removal, in ms. Default 10000.
   */
  readonly removalMs?: number;
}

export interface MirrorParts extends MirrorEffects {
  /** Of the cluster. */
  readonly networks: View<NetworkRecord>;
  /** Of this host. */
  readonly bindings: View<BindingRecord>;
  readonly newNetworks: NewNetworks;
  /** Called at every look with the networks that Docker has. */
  readonly onListed: (dockerNetworks: readonly DockerNetwork[]) => void;
  readonly timing?: MirrorTiming;
}

/** For messages about its failure. */
const LOOK = 'compare the networks of the cluster with those of Docker';
const DEFAULTS = {
  sweepMs: 30_000,
  goneMs: 5000,
  unseenMs: 60_000,
  successorMs: 3000,
  removalMs: 10_000,
};
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
/** While the store is away: what waits for it is done soon after it is back. */
const AWAY_RETRY_MS = 2_000;
/** To the same step once more after one that succeeded: the store's view of it may be a moment behind. */
const FIRST_REPEAT_MS = 50;
/** Docker serialises much of it anyhow. */
const STEPS_AT_ONCE = 4;

/** A step that was tried, and that the next look plans again. */
interface Tried {
  /** Why it failed; undefined: it was done. */
  readonly failure: string | undefined;
  readonly pauseMs: number;
  readonly againMs: number;
}

/**
 * Keeps this host's Docker and the mirrored networks of the cluster equal (the rules are in mirror-plan.ts). Every
 * hint, from the store, from Docker, from a timer, leads to a look at the whole; a failed step is tried again.
 */
export class Mirror implements AsyncDisposable {
  readonly #parts: MirrorParts;
  readonly #timing: Required<MirrorTiming>;
  readonly #stop = new AbortController();
  readonly #sweep: Sweep;
  readonly #missing = new Absences();
  readonly #unbound = new Absences();
  readonly #destroyed = new Set<string>();
  readonly #containers: NeededContainers;
  /** Removed networks of the cluster, by id, in whose place a user of this host has created another; of which removal. */
  readonly #withSuccessor = new Map<string, number>();
  readonly #tried = new Map<string, Tried>();
  #problems: readonly string[] = [];
  #settle: () => void = () => undefined;
  readonly #settled = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });
  #forget: readonly (() => void)[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(parts: MirrorParts) {
    this.#parts = parts;
    this.#timing = { ...DEFAULTS, ...parts.timing };
    this.#containers = new NeededContainers(parts.engine);
    this.#sweep = new Sweep({
      look: () => this.#look(),
      retryMs: FIRST_RETRY_MS * 2,
      onFailure: (error) => logLookFailure(parts.logger, LOOK, error),
    });
  }

  /** Resolves when the networks are known; the rest goes on behind. */
  async start(): Promise<void> {
    const { networks, bindings } = this.#parts;
    await Promise.all([networks.ready, bindings.ready]);
    const hint = () => this.#sweep.hint();
    this.#forget = [networks.onChange(hint), bindings.onChange(hint)];
    this.#sweep.start();
    this.#running = this.#followDocker();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const forget of this.#forget) forget();
    await this.#sweep[Symbol.asyncDispose]();
    await this.#running;
  }

  /**
   * Resolves when Docker has its docker_gwbridge, or when the first look at it has failed. Not later: copies that are made
   * by the same look wait for this.
   */
  get settled(): Promise<void> {
    return this.#settled;
  }

  /** For `xnet status`. */
  get problems(): readonly string[] {
    const { state } = this.#parts.engine;
    if (!state.connected) {
      return [
        `${state.reason}; networks are not mirrored and names of new containers not published until it answers`,
      ];
    }
    const failures = [...this.#tried.values()].flatMap(({ failure }) => failure ?? []);
    return [...this.#problems, ...failures, ...lookProblems(LOOK, this.#sweep.failure)];
  }

  async #followDocker(): Promise<void> {
    for await (const event of this.#parts.engine.watchEvents(this.#stop.signal)) this.#take(event);
  }

  #take(event: EngineEvent): void {
    if (event.type === 'network' && event.action === 'destroy') this.#destroyed.add(event.networkId);
    if (isDeparture(event) ? this.problems.length > 0 : isChange(event)) this.#sweep.hint();
  }

  async #look(): Promise<number> {
    try {
      return await this.#compare();
    } finally {
      this.#settle();
    }
  }

  /** Looks, plans and applies once. */
  async #compare(): Promise<number> {
    const view = await this.#view();
    // Another machine's: what is not in this Docker is no less there.
    if (!this.#parts.registration.recognize(view.database, view.bindings)) return this.#timing.sweepMs;
    const { steps, problems } = planMirror(view);
    if (steps.every((step) => step.do !== 'bridge')) this.#settle();
    this.#setProblems(problems);
    noteDecisions(this.#parts.newNetworks, view, steps);
    await this.#applyAll(steps, view.database);
    return this.#nextLookMs();
  }

  async #view(): Promise<MirrorView> {
    const { engine, hostId, driver } = this.#parts;
    // First Docker: what it has now was bound before, so no network looks unbound for being new.
    const dockerNetworks = await engine.listNetworks();
    this.#parts.onListed(dockerNetworks);
    const networks = this.#parts.networks.records;
    const bindings = this.#parts.bindings.records;
    return {
      hostId,
      driver,
      networks,
      bindings,
      dockerNetworks,
      containers: await this.#containers.find({ networks, bindings, dockerNetworks }),
      published: this.#parts.registration.dockerFacts,
      database: databaseOf(dockerNetworks) ?? '',
      used: await this.#findUsed(networks, bindings),
      gone: this.#findGone(bindings, dockerNetworks),
      made: this.#parts.ownActions.made,
      strays: this.#findStrays(dockerNetworks),
      justRemoved: new Set(this.#parts.ownActions.findMarked(this.#timing.removalMs).keys()),
      awaited: this.#findAwaited(networks, dockerNetworks),
    };
  }

  /** Asked only of networks of which the plan may need it. */
  async #findUsed(
    networks: readonly NetworkRecord[],
    bindings: readonly BindingRecord[],
  ): Promise<ReadonlySet<string>> {
    const questionable = networks.filter((network) => isQuestionable(network, bindings));
    const answers = await Promise.all(
      questionable.map(({ id }) => hostsWithEndpoints(this.#parts.store, id)),
    );
    return new Set(questionable.filter((_, index) => answers[index]?.length).map(({ id }) => id));
  }

  /** Networks that were just removed here, in whose place no other has been created yet. */
  #findAwaited(
    networks: readonly NetworkRecord[],
    dockerNetworks: readonly DockerNetwork[],
  ): ReadonlySet<string> {
    const marked = this.#parts.ownActions.findMarked(this.#timing.successorMs);
    for (const { id, mirror } of networks) {
      // Docker may still be about to remove the former one.
      const isSuccessor = (each: DockerNetwork) =>
        each.name === mirror?.name && !mirror.former?.includes(each.id);
      const markedMs = marked.get(id);
      if (markedMs !== undefined && dockerNetworks.some(isSuccessor)) this.#withSuccessor.set(id, markedMs);
    }
    for (const id of this.#withSuccessor.keys()) if (!marked.has(id)) this.#withSuccessor.delete(id);
    const awaited = [...marked].filter(([id, markedMs]) => this.#withSuccessor.get(id) !== markedMs);
    return new Set(awaited.map(([id]) => id));
  }

  #findGone(
    bindings: readonly BindingRecord[],
    dockerNetworks: readonly DockerNetwork[],
  ): ReadonlySet<string> {
    const { goneMs, unseenMs } = this.#timing;
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
    const { bindings } = this.#parts;
    // Of the last seconds before a crash nothing is known until the store answers.
    if (!bindings.isCurrent) return new Set();
    // By the keys: bound is bound, also when the record cannot be read.
    const bound = [...bindings.all()];
    const isBound = (id: string) => bound.some(({ key }) => key.endsWith(`/${id}`));
    const unbound = dockerNetworks.filter(
      ({ id, driver, scope }) => driver === this.#parts.driver && scope === 'local' && !isBound(id),
    );
    this.#unbound.note(unbound.map(({ id }) => id));
    const strays = unbound.filter(({ id }) => this.#unbound.isLongerThan(id, this.#timing.goneMs));
    return new Set(strays.map(({ id }) => id));
  }

  async #applyAll(steps: readonly MirrorStep[], database: string): Promise<void> {
    const planned = new Set(steps.map(stepKey));
    for (const key of this.#tried.keys()) if (!planned.has(key)) this.#tried.delete(key);
    const limit = limitTo(STEPS_AT_ONCE);
    await Promise.all(steps.map((step) => limit(() => this.#apply(step, database))));
  }

  async #apply(step: MirrorStep, database: string): Promise<void> {
    const key = stepKey(step);
    const former = this.#tried.get(key);
    if (this.#stop.signal.aborted || (former && performance.now() < former.againMs)) return;
    try {
      await applyMirrorStep(this.#parts, step, database);
      this.#note(key, undefined);
      this.#sweep.hint();
    } catch (error: unknown) {
      const failure = `cannot ${stepTitle(step)}: ${errorMessage(error)}`;
      this.#note(key, failure, isXnetError(error, 'STORE_UNAVAILABLE') ? AWAY_RETRY_MS : LONGEST_RETRY_MS);
      if (former?.failure !== failure && !isOutdated(step, error)) this.#parts.logger.warn(failure);
    } finally {
      if (step.do === 'bridge') this.#settle();
      if (isDecision(step)) this.#parts.newNetworks.accept(step.dockerNetwork.id);
    }
  }

  /** Each time in a row the pause is longer, also after a success: a step without effect must not go on for ever. */
  #note(key: string, failure: string | undefined, longestMs = LONGEST_RETRY_MS): void {
    const least = failure === undefined ? FIRST_REPEAT_MS : FIRST_RETRY_MS;
    const pauseMs = Math.min(Math.max(least, 2 * (this.#tried.get(key)?.pauseMs ?? 0)), longestMs);
    this.#tried.set(key, { failure, pauseMs, againMs: performance.now() + pauseMs });
  }

  #setProblems(problems: readonly string[]): void {
    for (const text of problems) if (!this.#problems.includes(text)) this.#parts.logger.warn(text);
    for (const text of this.#problems) {
      if (!problems.includes(text)) this.#parts.logger.info('no longer so', { problem: text });
    }
    this.#problems = problems;
  }

  /** The longest pause until the next look. */
  #nextLookMs(): number {
    const retries = [...this.#tried.values()].map(({ againMs }) => againMs - performance.now());
    const watching = this.#missing.size + this.#unbound.size > 0 ? [this.#timing.goneMs] : [];
    const { sweepMs, successorMs, removalMs } = this.#timing;
    const succession = this.#parts.ownActions.findMarked(removalMs).size > 0 ? [successorMs] : [];
    return Math.max(10, Math.min(sweepMs, ...retries, ...watching, ...succession));
  }
}

/** Such an event matters only when a container blocked a step. */
function isDeparture(event: EngineEvent): boolean {
  return (
    (event.type === 'network' && event.action === 'disconnect') ||
    (event.type === 'container' && event.action === 'destroy')
  );
}

/** The networks that Docker has may be others now. */
function isChange(event: EngineEvent): boolean {
  return event.type === 'resync' || (event.type === 'network' && event.action !== 'connect');
}
