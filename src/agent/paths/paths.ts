/**
 * src/agent/paths: whether packets pass between this host and those with which it shares a network, how large they may be, and how
 * long they take. The sign of life in the store says that a host's xnet runs; this says that its containers are reached. A path is
 * measured while both hosts are alive and the store answers. Not in here: sockets and devices (src/dataplane/paths/), and
 * anything that is done about a path that is lost.
 */
import { isDeepStrictEqual } from 'node:util';
import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import { type Echoes, PATH_VNI, type PathDevice, type WantedPaths } from '../../dataplane/paths.js';
import { errorMessage, XnetError } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';
import type { FollowedPath, PathPeer, PathState } from './followed-path.js';
import type { Path } from './path.js';
import { PathQuestions } from './path-questions.js';

export interface PathsParts {
  readonly device: PathDevice;
  /** The hosts with which this one shares a network, and to which it can send. Undefined: not known yet. */
  readonly peers: () => readonly PathPeer[] | undefined;
  /** Name of a network of this host that has the VNI of the paths: an older xnet may have given it. */
  readonly vniHolder: () => string | undefined;
  /** VTEP of this host, and the largest packet that its containers send, in bytes. */
  readonly own: () => { readonly vtep: string; readonly mtu: number };
  /** While it is, nobody knows who is alive. */
  readonly isStoreAway: () => boolean;
  /** The other hosts may measure the paths to this one, whose containers send packets of up to so many bytes; undefined: they may not. */
  readonly publish: (mtu: number | undefined) => Promise<void>;
  readonly logger: Logger;
}

const RETRY_MS = 5_000;
/** Between two looks at the device while it is gone or a path is doubtful, and while one is lost. */
const DOUBTED_MS = 3_000;
const LONG_DOUBTED_MS = 30_000;

export class Paths extends Sweep {
  readonly #parts: PathsParts;
  readonly #questions: PathQuestions;
  /** Undefined: the device may not be so. */
  #wanted: WantedPaths | undefined;
  #echoes: Echoes | undefined;
  /** When the device was last taken for altered. */
  #doubtedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: PathsParts) {
    super({
      look: (isSuspected) => this.#look(isSuspected),
      retryMs: RETRY_MS,
      leastRetryMs: RETRY_MS,
      onFailure: (error) =>
        parts.logger.warn('the paths to other hosts are not measured', { error: errorMessage(error) }),
    });
    this.#parts = parts;
    this.#questions = new PathQuestions({
      echoes: () => (this.#wanted ? this.#echoes : undefined),
      beforeAsking: () => {
        if (parts.isStoreAway()) this.hint();
      },
      asked: (path, now) => this.#doubtDevice(path, now),
      changed: (followed) => this.#log(followed),
    });
  }

  /** Of each host to which the path is measured, by the host's id. */
  get states(): ReadonlyMap<string, PathState> {
    return this.#questions.states;
  }

  /** As they are now; resolves after a second at most. */
  measureNow(): Promise<void> {
    return this.#questions.askAll();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.#close();
  }

  async #look(isSuspected: boolean): Promise<number> {
    const holder = this.#parts.vniHolder();
    if (holder !== undefined) return this.#giveWay(holder);
    const peers = this.#parts.peers();
    // Until then what an earlier daemon left answers the other hosts.
    if (!peers) return RETRY_MS;
    if (peers.length === 0) {
      await this.#remove();
      return NEVER_MS;
    }
    const { vtep, mtu } = this.#parts.own();
    const most = Math.max(mtu, ...peers.map((peer) => peer.mtu ?? 0));
    const wanted = { vtep, mtu: most, peers: peers.map((peer) => peer.vtep).sort() };
    try {
      if (isSuspected || !this.#echoes || !isDeepStrictEqual(wanted, this.#wanted))
        await this.#ensure(wanted);
    } finally {
      // Also after a failure: a host that is gone is no path that is lost.
      this.#follow(peers, mtu);
    }
    const isPublished = await this.#publish(mtu);
    return isPublished && !this.#parts.isStoreAway() ? NEVER_MS : RETRY_MS;
  }

  #follow(peers: readonly PathPeer[], mtu: number): void {
    const isMeasured = (peer: PathPeer) => peer.isAlive && peer.mtu !== undefined;
    this.#questions.follow(this.#parts.isStoreAway() ? [] : peers.filter(isMeasured), mtu);
  }

  /** A VNI is in one device only, and containers need theirs. */
  async #giveWay(network: string): Promise<never> {
    await this.#remove();
    await this.#publish(undefined);
    const message = `network ${network} has VNI ${PATH_VNI}, by which xnet measures the paths; create it anew with another xnet.vni, or without`;
    throw new XnetError('IN_USE', message, { vni: PATH_VNI });
  }

  async #ensure(wanted: WantedPaths): Promise<void> {
    const former = this.#wanted;
    // If this fails, the next look does it again.
    this.#wanted = undefined;
    const isAnother = await this.#parts.device.ensure(wanted);
    if (isAnother || wanted.vtep !== former?.vtep) this.#closeEchoes();
    this.#echoes ??= this.#parts.device.openTunnel(wanted.vtep, (arrival) => this.#questions.take(arrival));
    this.#wanted = wanted;
  }

  /** False: it is to be tried again. Why, the registration says. */
  async #publish(mtu: number | undefined): Promise<boolean> {
    try {
      await this.#parts.publish(mtu);
      return true;
    } catch (error: unknown) {
      const fields = { error: errorMessage(error) };
      this.#parts.logger.debug('the other hosts do not know that paths are measured here', fields);
      return false;
    }
  }

  /** Others may have altered it: it is looked at soon, and again and again while there are no answers. */
  #doubtDevice({ isDoubtful, verdict }: Path, now: number): void {
    const isDoubted = isDoubtful || !this.#parts.device.isThere;
    if (!isDoubted && verdict !== 'lost') return;
    if (now - this.#doubtedMs < (isDoubted ? DOUBTED_MS : LONG_DOUBTED_MS)) return;
    this.#doubtedMs = now;
    this.suspect();
  }

  #log({ peer: { name: host, vtep }, state }: FollowedPath): void {
    const level = state.verdict === 'passes' ? 'info' : 'warn';
    this.#parts.logger[level]('the path to a host has changed', { host, vtep, ...state });
  }

  #closeEchoes(): void {
    this.#echoes?.[Symbol.dispose]();
    this.#echoes = undefined;
  }

  async #remove(): Promise<void> {
    this.#close();
    await this.#parts.device.remove();
  }

  #close(): void {
    this.#questions.follow([], 0);
    this.#closeEchoes();
    this.#wanted = undefined;
  }
}
