/**
 * The answers to one sandbox's queries, counted. Not all are given at once: what depends on which container asks waits until
 * Docker has named it; a denial of Docker's resolver, of a name that may be another host's, waits until this host knows all
 * names; virtual addresses of swarm's are replaced (virtual-addresses.ts).
 */
import { randomInt } from 'node:crypto';
import { sleep } from '../../concurrency/deadline.js';
import { type Answer, answerQuery, type Transport } from '../answers/answer.js';
import { queryOf } from '../answers/query.js';
import { formatFailure, isDenial } from '../answers/response.js';
import type { PossibleScopes } from '../answers/scope.js';
import type { NetworkZone } from '../answers/zone.js';
import type { EgressGate, QueryCounts } from '../collaborators.js';
import { EgressFilter } from './egress-filter.js';
import { HostServers } from './host-servers.js';
import { UdpForwarder } from './udp-forwarder.js';
import { VirtualAddresses } from './virtual-addresses.js';

/** Docker names a container some 10 ms after its first instruction, on a loaded machine later. */
const MOST_WAITED_MS = 2_000;

/** Denials wait so long: clients have given up by then (resolv.conf(5): two attempts of 5 s). */
const LONGEST_DENIAL_MS = 10_000;
const LOOK_MS = 50;

/** Of either kind; beyond it queries and denials do not wait. */
const MOST_WAITING = 1024;

export interface AnswerParts {
  /** What the sandbox's queries are answered from. */
  readonly possible: () => PossibleScopes;
  /** Resolves when that may have changed, or after so long. */
  readonly change: (timeoutMs: number) => Promise<void>;
  /** Of the networks of xnet's that the sandbox is in now. */
  readonly zones: () => readonly NetworkZone[];
  /** Whether these know all names that they will know soon. */
  readonly isCurrent: () => boolean;
  readonly counts: QueryCounts;
  /** Undefined: the container may ask for all names. */
  readonly gate?: () => EgressGate | undefined;
  /** What is asked for the names that a closed container may ask for. Default: the host's. */
  readonly servers?: Pick<HostServers, 'ask'>;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** They are the same for all. */
const HOST_SERVERS = new HostServers();

export type SureAnswer = Exclude<Answer, 'wait'>;

export class SandboxAnswers {
  readonly #docker: UdpForwarder;
  readonly #virtual: VirtualAddresses;
  readonly #egress: EgressFilter;
  #secret: number | undefined;
  #waiting = 0;
  #denied = 0;
  #closed = false;

  constructor(
    sandboxPath: string,
    private readonly parts: AnswerParts,
  ) {
    this.#docker = new UdpForwarder(sandboxPath, () => this.secret);
    this.#virtual = new VirtualAddresses(parts.zones, this.#docker);
    this.#egress = new EgressFilter(
      parts.gate ?? (() => undefined),
      parts.change,
      parts.servers ?? HOST_SERVERS,
    );
  }

  /** Of a closed container, and one that ever was: the mark that queries to Docker's resolver need. */
  get secret(): number | undefined {
    if (this.parts.gate?.() !== undefined) this.#secret ??= randomInt(1, 2 ** 32);
    return this.#secret;
  }

  /** Queries that wait for an answer, ours or over UDP Docker's, and answers of Docker's that wait to be passed on. */
  get waiting(): number {
    return this.#waiting + this.#denied + this.#docker.waiting;
  }

  /** At once in nearly all cases. Never rejects. */
  find(query: Buffer, transport: Transport): SureAnswer | Promise<SureAnswer> {
    const answer = this.#answer(query, transport, this.parts.possible());
    return answer === 'wait' ? this.#findLater(query, transport) : this.#decided(answer, query, transport);
  }

  /** What the client gets for this answer of Docker's: nearly always that answer, at once. `query` is what a UDP client asked. */
  async replace(answer: Buffer, transport: Transport, query?: Buffer): Promise<Buffer> {
    if (isDenial(answer) && !this.parts.isCurrent() && this.#denied < MOST_WAITING) {
      return this.#replaceDenial(answer, transport, query ?? queryOf(answer));
    }
    return this.#virtual.replace(answer, query);
  }

  /** Asks Docker's resolver over UDP, and gives the client its answer, or what `replace` makes of it. */
  passOn(query: Buffer, give: (answer: Buffer) => void): void {
    try {
      this.#docker.forward(query, (answer) => void this.replace(answer, 'udp', query).then(give));
    } catch {
      // No socket to be had: the sandbox ends.
      this.parts.counts.dropped++;
    }
  }

  /** What waits is dropped: the clients ask again. */
  close(): void {
    this.#closed = true;
    this.#docker.close();
  }

  async #findLater(query: Buffer, transport: Transport): Promise<SureAnswer> {
    const endMs = performance.now() + (this.#waiting < MOST_WAITING ? MOST_WAITED_MS : 0);
    this.#waiting++;
    try {
      for (let leftMs = endMs - performance.now(); leftMs > 0; leftMs = endMs - performance.now()) {
        await this.parts.change(leftMs);
        if (this.#closed) return 'drop';
        const answer = this.#answer(query, transport, this.parts.possible());
        if (answer !== 'wait') return await this.#decided(answer, query, transport);
      }
    } finally {
      this.#waiting--;
    }
    return this.#decided(this.#answerUnsure(query, transport), query, transport);
  }

  /** What may not be asked for is not passed on. */
  #decided(answer: SureAnswer, query: Buffer, transport: Transport): SureAnswer | Promise<SureAnswer> {
    const judged = answer === 'forward' ? this.#egress.judge(query, transport) : answer;
    if (!(judged instanceof Promise)) return this.#counted(judged);
    return judged.then((later) => this.#counted(later));
  }

  /** Ours, once all names are known, or the same. After too long a failure (SERVFAIL): clients take a denial for final. */
  async #replaceDenial(denial: Buffer, transport: Transport, query: Buffer | undefined): Promise<Buffer> {
    const { isCurrent } = this.parts;
    this.#denied++;
    try {
      for (let waitedMs = 0; waitedMs < LONGEST_DENIAL_MS && !isCurrent(); waitedMs += LOOK_MS) {
        await sleep(LOOK_MS);
      }
      const own = query && (await this.find(query, transport));
      if (typeof own === 'object') return own;
      return isCurrent() ? denial : formatFailure(denial);
    } finally {
      this.#denied--;
    }
  }

  /**
   * Docker is late. Containers that nothing is known of are taken for ones that have no names of their own; where one
   * that is known has, a failure, after which clients ask again, is better than another container's address.
   */
  #answerUnsure(query: Buffer, transport: Transport): SureAnswer {
    const answer = this.#answer(query, transport, { ...this.parts.possible(), isOpen: false });
    return answer === 'wait' ? formatFailure(query) : answer;
  }

  #answer(query: Buffer, transport: Transport, possible: PossibleScopes): Answer {
    return answerQuery(query, transport, possible, this.parts.random);
  }

  #counted(answer: SureAnswer): SureAnswer {
    const { counts } = this.parts;
    if (answer === 'drop') counts.dropped++;
    else if (answer === 'forward') counts.forwarded++;
    else counts.answered++;
    return answer;
  }
}
