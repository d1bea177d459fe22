import { limitTo } from '../../concurrency/limit.js';
import { Sweep } from '../../concurrency/sweep.js';
import type { EngineEvent } from '../../docker/engine.js';
import { errorMessage, isXnetError } from '../../errors.js';
import { logLookFailure, lookProblems } from './look-failure.js';
import { applyMirrorStep, isOutdated, stepKey, stepTitle } from './mirror-apply.js';
import { findBound, isNameLeaving, planMirror } from './mirror-plan.js';
import { isDecision, type MirrorStep } from './mirror-step.js';
import { type MirrorParts, type MirrorTiming, type MirrorView, MirrorViews } from './mirror-view.js';

/** For messages about its failure. */
const LOOK = 'compare the networks of the cluster with those of Docker';
const DEFAULTS: MirrorTiming = {
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
export class Mirror extends Sweep {
  readonly #parts: MirrorParts;
  readonly #stop = new AbortController();
  readonly #views: MirrorViews;
  readonly #tried = new Map<string, Tried>();
  #problems: readonly string[] = [];
  #settle: () => void = () => undefined;
  /**
   * Resolves when Docker has its docker_gwbridge, or when the first look at it has failed. Not later: copies that are made
   * by the same look wait for this.
   */
  readonly settled = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });
  #forget: readonly (() => void)[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(parts: MirrorParts, timing: Partial<MirrorTiming> = {}) {
    super({
      look: () => this.#compare().finally(() => this.#settle()),
      retryMs: FIRST_RETRY_MS * 2,
      onFailure: (error) => logLookFailure(parts.logger, LOOK, error),
    });
    this.#parts = parts;
    this.#views = new MirrorViews(parts, { ...DEFAULTS, ...timing });
  }

  /** Resolves when the networks are known; the rest goes on behind. */
  override async start(): Promise<void> {
    const { clusterNetworks, bindings, guards } = this.#parts;
    const followed = [clusterNetworks, bindings, ...(guards ? [guards] : [])];
    await Promise.all(followed.map(({ ready }) => ready));
    this.#forget = followed.map((view) => view.onChange(() => this.hint()));
    super.start();
    this.#running = this.#followDocker();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const forget of this.#forget) forget();
    await super[Symbol.asyncDispose]();
    await this.#running;
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
    return [...this.#problems, ...failures, ...lookProblems(LOOK, this.failure)];
  }

  async #followDocker(): Promise<void> {
    for await (const event of this.#parts.engine.watchEvents(this.#stop.signal)) this.#take(event);
  }

  #take(event: EngineEvent): void {
    if (event.type === 'network' && event.action === 'destroy') this.#views.noteDestroyed(event.networkId);
    if (isDeparture(event) ? this.problems.length > 0 : isChange(event)) this.hint();
  }

  /** Looks, plans and applies once. */
  async #compare(): Promise<number> {
    const { engine, registration, onListed } = this.#parts;
    // First Docker: what it has now was bound before, so no network looks unbound for being new.
    const dockerNetworks = await engine.listNetworks();
    onListed(dockerNetworks);
    const view = await this.#views.take(dockerNetworks);
    // Another machine's: what is not in this Docker is no less there.
    if (!registration.recognize(view.database, view.bindings)) return this.#views.pauseMs;
    const plan = planMirror(view);
    const steps = plan.filter((each) => typeof each !== 'string');
    if (steps.every((step) => step.do !== 'bridge')) this.#settle();
    this.#setProblems(plan.filter((each) => typeof each === 'string'));
    this.#noteDecisions(view, steps);
    await this.#applyAll(steps, view.database);
    return this.#nextLookMs();
  }

  /** Accepts the new networks that the plan leaves as they are, and refuses those that it replaces. */
  #noteDecisions(view: MirrorView, steps: readonly MirrorStep[]): void {
    const { newNetworks } = this.#parts;
    const decisions = new Map(steps.filter(isDecision).map((step) => [step.dockerNetwork.id, step.do]));
    for (const { id, name } of view.dockerNetworks) {
      const decision = decisions.get(id);
      if (decision === 'replace') newNetworks.refuse(id, replacedText(name));
      // The plan decides nothing on a network that is not in the view yet.
      else if (!decision && findBound(view, id) && !isNameLeaving(view, name)) newNetworks.accept(id);
    }
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
      this.hint();
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
    return Math.max(10, Math.min(this.#views.pauseMs, ...retries));
  }
}

function replacedText(name: string): string {
  return `the network ${name} that other hosts have takes the place of the one that was created here; start the container again`;
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
