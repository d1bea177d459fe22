import type { Family, Reach } from '../../dataplane/pairs.js';
import type { EchoArrival, Echoes } from '../../dataplane/paths.js';
import { SentEchoes } from '../paths/sent-echoes.js';
import { FollowedPair, type PairPeer } from './followed-pair.js';
import type { Tested } from './pair-words.js';

export interface PairProbesParts {
  /** Undefined: nothing can be sent now. */
  readonly echoes: (family: Family) => Echoes | undefined;
  readonly testAddressOf: (vtep: string, family: Family) => string;
  /** As PairDevice.reach, from this host's underlay; never throws. */
  readonly reach: (vtep: string) => Reach;
  /** Called when the way to a host, or its MAC, is another. */
  readonly changed: (followed: FollowedPair, change: 'way' | 'mac') => void;
  /** Called when a pair is not followed any more. */
  readonly left: (hostId: string) => void;
  /** Called when a pair that was direct does not answer: the device here may have been altered. */
  readonly doubted: () => void;
}

interface SentProbe {
  readonly followed: FollowedPair;
  readonly sentMs: number;
}

/** The kernel's routes and neighbours of a pair that is direct are looked at so often; of others at each probe. */
const LOOK_MS = 5_000;
/** Answers that are read at once (`Echoes.read`) are fewer than there may be. */
const READ_AT_ONCE = 200;

/** Sends each pair's probes when they are due, with one timer for all, and takes the answers. */
export class PairProbes {
  readonly #parts: PairProbesParts;
  /** By the ids of the hosts. */
  readonly #followed = new Map<string, FollowedPair>();
  readonly #sent = new SentEchoes<SentProbe>();
  /** By family and VTEP: they are asked for with each packet. */
  readonly #addresses = new Map<string, string>();
  #families: readonly Family[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: PairProbesParts) {
    this.#parts = parts;
  }

  get all(): readonly FollowedPair[] {
    return [...this.#followed.values()];
  }

  find(hostId: string): FollowedPair | undefined {
    return this.#followed.get(hostId);
  }

  /** Of all pairs there shall be. What the kernel knows of the way to each is known when this returns. */
  follow(peers: readonly PairPeer[], tested: Tested): void {
    const now = performance.now();
    this.#families = tested.families;
    const ids = new Set(peers.map(({ id }) => id));
    for (const id of this.#followed.keys()) if (!ids.has(id)) this.#leave(id);
    this.#addresses.clear();
    for (const peer of peers) {
      const known = this.#followed.get(peer.id);
      const isSame = known?.peer.vtep === peer.vtep && known.peer.obstacle === peer.obstacle;
      const followed = isSame ? known : new FollowedPair(peer, tested, now);
      followed.peer = peer;
      followed.pair.tested = tested;
      if (isSame) continue;
      if (known) this.#leave(peer.id);
      this.#followed.set(peer.id, followed);
      this.#look(followed, now);
      this.#noteChange(followed);
    }
    this.#schedule();
  }

  /** An answer counts for the probe that it answers, if it comes from whom that was sent to. */
  take(family: Family, { isAnswer, from, sequence }: EchoArrival): void {
    const sent = isAnswer ? this.#sent.take(sequence) : undefined;
    if (!sent || this.#followed.get(sent.followed.peer.id) !== sent.followed) return;
    if (from !== this.#addressOf(sent.followed, family)) return;
    sent.followed.pair.noteAnswer(performance.now());
  }

  /** Nothing is sent any more; what is known stays. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #leave(hostId: string): void {
    this.#followed.delete(hostId);
    this.#parts.left(hostId);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#followed.size === 0) return;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { pair } of this.#followed.values()) dueMs = Math.min(dueMs, pair.dueMs);
    const waitMs = Math.max(1, Math.ceil(dueMs - performance.now()));
    this.#timer = setTimeout(() => this.#probe(), waitMs).unref();
  }

  /** What has come is taken before anything counts as unanswered: this process may have stood still. */
  #probe(): void {
    for (let read = 0; read <= this.#followed.size; read += READ_AT_ONCE)
      for (const family of this.#families) this.#parts.echoes(family)?.read();
    const now = performance.now();
    for (const followed of this.#followed.values())
      if (followed.pair.dueMs <= now) this.#probeOne(followed, now);
    this.#sent.forgetOld(now);
    this.#schedule();
  }

  #probeOne(followed: FollowedPair, now: number): void {
    const { pair } = followed;
    const wasDoubtful = pair.isDoubtful;
    if (pair.way === 'tunnel' || now >= followed.lookMs) this.#look(followed, now);
    const probe = pair.next(now);
    if (probe) {
      const sequence = this.#sent.add({ followed, sentMs: now });
      const to = this.#addressOf(followed, probe.family);
      this.#parts.echoes(probe.family)?.send(to, sequence, probe.bytes);
    }
    if (pair.isDoubtful && !wasDoubtful) {
      this.#look(followed, now);
      this.#parts.doubted();
    }
    this.#noteChange(followed);
  }

  #addressOf({ peer: { vtep } }: FollowedPair, family: Family): string {
    const key = `${family} ${vtep}`;
    const known = this.#addresses.get(key) ?? this.#parts.testAddressOf(vtep, family);
    this.#addresses.set(key, known);
    return known;
  }

  #look(followed: FollowedPair, now: number): void {
    const { obstacle, vtep } = followed.peer;
    const reach = obstacle === undefined ? this.#parts.reach(vtep) : { kind: 'none' as const, why: obstacle };
    followed.pair.noteReach(reach, now);
    followed.lookMs = now + LOOK_MS;
  }

  #noteChange(followed: FollowedPair): void {
    const change = followed.takeChange();
    if (change) this.#parts.changed(followed, change);
  }
}
