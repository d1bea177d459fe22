/**
 * The resolvers of all sandboxes on this host. A sandbox has one from its first network to its last; where it
 * could not be installed, Docker's resolver answers as it does without xnet, and the reason is kept for
 * `xnet status`.
 */
import { closeSync, statSync } from 'node:fs';
import { sleep } from '../../concurrency/deadline.js';
import { KeyedMutex } from '../../concurrency/keyed-mutex.js';
import { errorMessage, isXnetError } from '../../errors.js';
import type { HeldSockets } from '../../keeper/client/held-sockets.js';
import type { HostContainers } from '../answers/host-containers.js';
import type {
  GateOf,
  IsCurrent,
  QueryCounts,
  ResolversStatus,
  RuleFailure,
  SandboxRules,
  ZoneOf,
} from '../collaborators.js';
import {
  type HeldSandbox,
  holdSandbox,
  listSandboxes,
  releaseSandbox,
  takeSandbox,
} from './held-sandboxes.js';
import { SandboxAnswers } from './sandbox-answers.js';
import { removeRedirection, SandboxResolver } from './sandbox-resolver.js';

/** How long a stopped container's sandbox may take to end. */
const ENDING_MS = 1_000;

/** How long a look at all rules may take, and the longest pause between two of them. */
const LOOK_MS = 5_000;
const MOST_BETWEEN_MS = 100;
/** Looks between two pauses: one takes some ten microseconds while nobody has touched the rules, a pause more. */
const AT_ONCE = 25;

/** Reasons kept, the latest last. */
const REASONS_KEPT = 10;

interface Sandbox {
  /** In the order of attaching. */
  readonly networkIds: Set<string>;
  resolver: SandboxResolver | undefined;
  /** Of the namespace at the path: another namespace there has another. */
  inode: number | undefined;
}

export class SandboxResolvers {
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #mutex = new KeyedMutex();
  readonly #counts: QueryCounts = { answered: 0, forwarded: 0, dropped: 0 };
  readonly #failures: RuleFailure[] = [];
  #failedInstalls = 0;
  #adopted: Promise<unknown> | undefined;

  constructor(
    private readonly zoneOf: ZoneOf,
    private readonly containers: Pick<HostContainers, 'possible' | 'change'>,
    private readonly rules: SandboxRules,
    private readonly sockets: HeldSockets,
    private readonly isCurrent: IsCurrent = () => true,
    private readonly gateOf: GateOf = () => undefined,
  ) {}

  /**
   * The names of `networkId` are answered in the sandbox from now on; otherwise resolves to the reason why not. Never
   * rejects; may be repeated, and tries a failed installation again.
   */
  async attach(sandboxPath: string, networkId: string): Promise<string | undefined> {
    return this.#mutex.run(sandboxPath, async () => {
      const sandbox = this.#sandbox(sandboxPath);
      sandbox.networkIds.add(networkId);
      const install = (answers: SandboxAnswers) => SandboxResolver.install(sandboxPath, answers, this.rules);
      if (sandbox.resolver?.isToBeGuarded) await this.#noted(sandboxPath, sandbox.resolver.ensureRule());
      const reason = sandbox.resolver ? undefined : await this.#install(sandboxPath, sandbox, install);
      // Not awaited: the container's start would be slower. If it fails, the sandbox has no resolver after this daemon.
      const { descriptors } = sandbox.resolver ?? {};
      if (descriptors)
        void this.#noted(sandboxPath, holdSandbox(this.sockets, sandboxPath, networkId, descriptors));
      return reason;
    });
  }

  /**
   * Goes on with the sockets that a daemon before this one left with the keeper; once, however often it is called.
   * Resolves when they are served. Never throws.
   */
  async adoptHeld(): Promise<void> {
    this.#adopted ??= Promise.all(listSandboxes(this.sockets).map((held) => this.#adopt(held)));
    await this.#adopted;
  }

  /**
   * The sandbox left the network: its names are answered no more. With the last network the resolver goes, a second
   * later: most sandboxes have ended by then, and their rule with them. Absent is success. Never throws.
   */
  async detach(sandboxPath: string, networkId: string): Promise<void> {
    const left = await this.#mutex.run(sandboxPath, async () => {
      const sandbox = this.#sandboxes.get(sandboxPath);
      return sandbox?.networkIds.delete(networkId) ? sandbox : undefined;
    });
    if (!left) return;
    if (left.networkIds.size === 0) await sleep(ENDING_MS);
    await this.#mutex.run(sandboxPath, async () => {
      const sandbox = this.#sandboxes.get(sandboxPath);
      if (sandbox?.networkIds.has(networkId)) return;
      if (sandbox?.networkIds.size === 0) await this.#drop(sandboxPath, sandbox);
      await this.#letGo(sandboxPath, [networkId]);
    });
  }

  /**
   * Closes the sockets of sandboxes that ended without a `detach`, ours and the keeper's: they would keep the namespaces
   * alive. To be called now and then.
   */
  async sweep(): Promise<void> {
    for (const [sandboxPath, { inode }] of [...this.#sandboxes]) {
      const found = namespaceInode(sandboxPath);
      if (found !== undefined && found === inode) continue;
      await this.#mutex.run(sandboxPath, async () => {
        const sandbox = this.#sandboxes.get(sandboxPath);
        if (sandbox?.inode !== inode) return;
        this.#sandboxes.delete(sandboxPath);
        sandbox?.resolver?.release();
        await this.#letGo(sandboxPath, sandbox?.networkIds ?? []);
      });
    }
  }

  /**
   * Looks at the rule of every sandbox, one after the other over some seconds, and puts back what somebody
   * altered; `repaired` is called for each. What cannot be repaired is among the status's failures. Never throws.
   */
  async repairRules(repaired: (sandboxPath: string) => void, signal: AbortSignal): Promise<void> {
    const paths = [...this.#sandboxes.keys()];
    const pauseMs = Math.min(MOST_BETWEEN_MS, LOOK_MS / paths.length);
    for (const [index, path] of paths.entries()) {
      if (signal.aborted) return;
      await this.#mutex.run(path, () => this.#repairRule(path, repaired));
      if (index % AT_ONCE === 0) await sleep(AT_ONCE * pauseMs, signal);
    }
  }

  status(): ResolversStatus {
    return {
      ...this.#counts,
      sandboxes: [...this.#sandboxes.values()].filter(({ resolver }) => resolver).length,
      failedInstalls: this.#failedInstalls,
      lastFailures: [...this.#failures],
    };
  }

  /** A real stop: every rule is removed, Docker's resolver answers alone. Never throws. */
  async close(): Promise<void> {
    const all = [...this.#sandboxes];
    await Promise.all(
      all.map(([path, sandbox]) =>
        this.#mutex.run(path, async () => {
          await this.#drop(path, sandbox);
          await this.#letGo(path, sandbox.networkIds);
        }),
      ),
    );
  }

  /** For a successor that has the sockets: rules stay, and queries wait for it. */
  release(): void {
    for (const { resolver } of this.#sandboxes.values()) resolver?.release();
    this.#sandboxes.clear();
  }

  async #adopt(held: HeldSandbox): Promise<void> {
    const { sandboxPath, networkIds } = held;
    await this.#mutex.run(sandboxPath, async () => {
      const descriptors = takeSandbox(this.sockets, held);
      if (!descriptors || namespaceInode(sandboxPath) === undefined) {
        for (const fd of Object.values(descriptors ?? {})) closeSync(fd);
        await this.#noted(sandboxPath, removeRedirection(sandboxPath, this.rules));
        await this.#letGo(sandboxPath, networkIds);
        return;
      }
      const sandbox = this.#sandbox(sandboxPath);
      for (const networkId of networkIds) sandbox.networkIds.add(networkId);
      await this.#install(sandboxPath, sandbox, (answers) =>
        SandboxResolver.adopt(sandboxPath, descriptors, answers, this.rules),
      );
      // The rule is there as a rule; where it cannot be checked, serving is better than closing.
      await this.#noted(sandboxPath, sandbox.resolver?.ensureRule());
    });
  }

  async #repairRule(sandboxPath: string, repaired: (sandboxPath: string) => void): Promise<void> {
    const sandbox = this.#sandboxes.get(sandboxPath);
    // One that ended is for `sweep`; another may be at its path.
    if (!sandbox?.resolver || namespaceInode(sandboxPath) !== sandbox.inode) return;
    try {
      if (await sandbox.resolver.repairRule()) repaired(sandboxPath);
    } catch (error: unknown) {
      if (!isXnetError(error, 'NOT_FOUND')) this.#note(sandboxPath, error);
    }
  }

  async #letGo(sandboxPath: string, networkIds: Iterable<string>): Promise<void> {
    const releases = [...networkIds].map((networkId) => releaseSandbox(this.sockets, sandboxPath, networkId));
    await this.#noted(sandboxPath, Promise.all(releases));
  }

  #sandbox(sandboxPath: string): Sandbox {
    const known = this.#sandboxes.get(sandboxPath);
    if (known) return known;
    const sandbox: Sandbox = { networkIds: new Set(), resolver: undefined, inode: undefined };
    this.#sandboxes.set(sandboxPath, sandbox);
    return sandbox;
  }

  /** Resolves to the reason why not. */
  async #install(
    sandboxPath: string,
    sandbox: Sandbox,
    start: (answers: SandboxAnswers) => Promise<SandboxResolver>,
  ): Promise<string | undefined> {
    const { containers } = this;
    const { networkIds } = sandbox;
    const parts = {
      possible: () => containers.possible(sandboxPath, networkIds),
      change: (timeoutMs: number) => containers.change(timeoutMs),
      zones: () => [...networkIds].flatMap((networkId) => this.zoneOf(networkId) ?? []),
      isCurrent: () => [...networkIds].every((networkId) => this.isCurrent(networkId)),
      counts: this.#counts,
      gate: () => this.gateOf(sandboxPath, networkIds),
      random: Math.random,
    };
    const answers = new SandboxAnswers(sandboxPath, parts);
    try {
      sandbox.inode = namespaceInode(sandboxPath);
      const before = sandbox.resolver;
      sandbox.resolver = await start(answers);
      before?.release();
      return undefined;
    } catch (error) {
      this.#failedInstalls++;
      return this.#note(sandboxPath, error);
    }
  }

  /** Never rejects: a failure is kept for the status. */
  async #noted(sandboxPath: string, work: Promise<unknown> | undefined): Promise<void> {
    await work?.catch((error: unknown) => this.#note(sandboxPath, error));
  }

  #note(sandboxPath: string, error: unknown): string {
    const reason = errorMessage(error);
    this.#failures.push({ sandboxPath, reason, at: new Date().toISOString() });
    if (this.#failures.length > REASONS_KEPT) this.#failures.shift();
    return reason;
  }

  /** With the rule, where the sandbox is still there. */
  async #drop(sandboxPath: string, sandbox: Sandbox): Promise<void> {
    if (this.#sandboxes.get(sandboxPath) === sandbox) this.#sandboxes.delete(sandboxPath);
    const { resolver, inode } = sandbox;
    if (namespaceInode(sandboxPath) !== inode) resolver?.release();
    else await this.#noted(sandboxPath, resolver?.remove());
  }
}

/** Synchronous, which takes some microseconds: hundreds are asked for every few seconds. */
function namespaceInode(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.ino;
  } catch {
    return undefined;
  }
}
