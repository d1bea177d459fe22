import { sleepRunning } from '../../concurrency/deadline.js';
import type { EchoArrival, Echoes } from '../../dataplane/paths.js';
import { FollowedPath, type PathPeer, type PathState } from './followed-path.js';
import type { Path } from './path.js';
import { SentEchoes } from './sent-echoes.js';

export interface PathQuestionsParts {
  /** Undefined: nothing can be sent now. */
  readonly echoes: () => Echoes | undefined;
  /** Called before the paths are asked. */
  readonly beforeAsking: () => void;
  /** Called when a path was asked, and what it is may be due to an altered device here. */
  readonly asked: (path: Path, nowMs: number) => void;
  /** Called when a path is not any more as it was. */
  readonly changed: (followed: FollowedPath) => void;
}

interface SentEcho {
  readonly followed: FollowedPath;
  readonly bytes: number;
  readonly sentMs: number;
}

/** So many paths are asked as often as one; with more of them each is asked less often, and about 20 packets a second are sent. */
const MOST_AT_FULL_PACE = 180;
/** Packets that are sent at a time; the others follow half a second later. The answers have room where they wait (RECEIVE_BUFFER of echo-socket.ts). */
const MOST_AT_ONCE = 200;
/** Paths are asked at multiples of this, many at once, so that this process is woken less often. */
const GRAIN_MS = 500;
const NOW_MS = 1_000;
const NOW_STEP_MS = 50;

/** Asks each path when it is due, with one timer for all, and takes the answers. */
export class PathQuestions {
  /** By VTEP. */
  readonly #followed = new Map<string, FollowedPath>();
  readonly #sent = new SentEchoes<SentEcho>();
  #timer: NodeJS.Timeout | undefined;
  /** Nothing is asked before. */
  #notBeforeMs = 0;

  constructor(private readonly parts: PathQuestionsParts) {}

  /** By the ids of the hosts. */
  get states(): ReadonlyMap<string, PathState> {
    return new Map([...this.#followed.values()].map((each) => [each.peer.id, each.state]));
  }

  /** Of all paths there shall be; `ownMtu`: the largest packet that containers of this host send, in bytes. */
  follow(peers: readonly PathPeer[], ownMtu: number): void {
    const now = performance.now();
    const slowness = Math.max(1, peers.length / MOST_AT_FULL_PACE);
    const vteps = new Set(peers.map(({ vtep }) => vtep));
    for (const vtep of this.#followed.keys()) if (!vteps.has(vtep)) this.#followed.delete(vtep);
    for (const peer of peers) {
      const known = this.#followed.get(peer.vtep);
      const followed = known?.peer.id === peer.id ? known : new FollowedPath(peer, ownMtu, now);
      followed.update(peer, ownMtu, slowness, now);
      this.#followed.set(peer.vtep, followed);
    }
    this.#schedule();
  }

  /** Asks all at once; resolves when they have answered, or after a second. */
  async askAll(): Promise<void> {
    const all = [...this.#followed.values()];
    for (const { path } of all) path.hasten(performance.now());
    this.#ask();
    // After its first answer a path that was lost is asked at once for more.
    const isSettled = () => all.every(({ path }) => path.isAnswered && path.dueMs > performance.now());
    for (let waitedMs = 0; waitedMs < NOW_MS && !isSettled(); waitedMs += NOW_STEP_MS)
      await sleepRunning(NOW_STEP_MS);
  }

  take({ isAnswer, from, sequence }: EchoArrival): void {
    const now = performance.now();
    const followed = this.#followed.get(from);
    if (!isAnswer) {
      followed?.path.noteIncoming(now);
      return;
    }
    const sent = this.#sent.take(sequence);
    if (!followed || sent?.followed !== followed) return;
    followed.path.noteAnswer(sent.bytes, sent.sentMs, now);
    this.#noteVerdict(followed, now);
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#followed.size === 0) return;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { path } of this.#followed.values()) dueMs = Math.min(dueMs, path.dueMs);
    const now = performance.now();
    const atMs = dueMs <= now ? this.#notBeforeMs : Math.ceil(dueMs / GRAIN_MS) * GRAIN_MS;
    const waitMs = Math.max(0, atMs - now);
    this.#timer = setTimeout(() => this.#ask(), waitMs).unref();
  }

  /** What has come is taken before anything counts as unanswered. What could not be sent is no question. */
  #ask(): void {
    this.parts.echoes()?.read();
    this.parts.beforeAsking();
    const echoes = this.parts.echoes();
    const now = performance.now();
    if (!echoes || !this.#askDue(echoes, now)) this.#notBeforeMs = now + GRAIN_MS;
    this.#sent.forgetOld(now);
    // Which of both directions is dropped matters only then.
    const isWrong = ({ path }: FollowedPath) => path.isDoubtful || path.verdict === 'lost';
    echoes?.takeRequests([...this.#followed.values()].some(isWrong));
    this.#schedule();
  }

  /** Those that are due for longest come first. False: some are left. */
  #askDue(echoes: Echoes, now: number): boolean {
    const due = [...this.#followed.values()].filter(({ path }) => path.dueMs <= now);
    let sent = 0;
    for (const followed of due.sort((a, b) => a.path.dueMs - b.path.dueMs)) {
      if (sent >= MOST_AT_ONCE) return false;
      sent += this.#askOne(echoes, followed, now);
    }
    return true;
  }

  /** Returns how many packets it sends. */
  #askOne(echoes: Echoes, followed: FollowedPath, now: number): number {
    const { path, peer } = followed;
    const sizes = path.next(now);
    for (const bytes of sizes) {
      const sequence = this.#sent.add({ followed, bytes, sentMs: now });
      echoes.send(peer.vtep, sequence, bytes);
    }
    this.#noteVerdict(followed, now);
    this.parts.asked(path, now);
    return sizes.length;
  }

  #noteVerdict(followed: FollowedPath, now: number): void {
    if (followed.noteVerdict(now)) this.parts.changed(followed);
  }
}
