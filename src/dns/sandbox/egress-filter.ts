/**
 * What a closed container gets for names that are none of xnet's: those that it may not ask for do not leave the host; the others are
 * asked of the host's name servers, and their addresses are let through before the container gets them.
 */
import { IpAddress } from '../../inet/ip-address.js';
import type { Transport } from '../answers/answer.js';
import { parseQuery, type Query } from '../answers/query.js';
import { formatFailure, formatProhibited, formatRefused, readAllAddresses } from '../answers/response.js';
import type { AnsweredAddress, EgressGate } from '../collaborators.js';
import type { HostServers } from './host-servers.js';

/** Docker names a container some 10 ms after its first instruction, on a loaded machine later. */
const MOST_WAITED_MS = 2_000;
/** Beyond it queries do not wait. */
const MOST_WAITING = 1024;
/** Of one container, asked of the host's name servers at a time: all containers have 1,024 of these together. */
const MOST_ASKED = 64;

/** Of the answer to a query; `forward`: Docker's resolver shall answer it. */
type Judged = Buffer | 'forward';

export class EgressFilter {
  #waiting = 0;
  #asked = 0;

  constructor(
    private readonly gate: () => EgressGate | undefined,
    /** As AnswerParts. */
    private readonly change: (timeoutMs: number) => Promise<void>,
    private readonly servers: Pick<HostServers, 'ask'>,
  ) {}

  /** `query` is for a name that is none of xnet's. Never rejects. */
  judge(query: Buffer, transport: Transport): Judged | Promise<Judged> {
    const gate = this.gate();
    if (!gate) return 'forward';
    const asked = parseQuery(query);
    if (typeof asked === 'string') return formatRefused(query);
    if (isDockers(asked.name)) return 'forward';
    const judged = gate.judge(asked.name);
    if (judged === 'refused') return formatProhibited(asked);
    return this.#ask(asked, query, transport);
  }

  async #ask(asked: Query, query: Buffer, transport: Transport): Promise<Judged> {
    const judged = await this.#judged(asked.name);
    if (judged === 'refused') return formatProhibited(asked);
    if (judged === 'open') return 'forward';
    const answer = judged === 'allowed' ? await this.#askServers(query, transport) : undefined;
    return answer ? this.#admit(asked, query, answer) : formatFailure(query);
  }

  async #askServers(query: Buffer, transport: Transport): Promise<Buffer | undefined> {
    if (this.#asked >= MOST_ASKED) return undefined;
    this.#asked++;
    try {
      return await this.servers.ask(query, transport);
    } finally {
      this.#asked--;
    }
  }

  /** When its container is known, or after two seconds; `open`: it is in no network any more that is closed. */
  async #judged(name: string): Promise<ReturnType<EgressGate['judge']> | 'open'> {
    const endMs = performance.now() + (this.#waiting < MOST_WAITING ? MOST_WAITED_MS : 0);
    this.#waiting++;
    try {
      for (;;) {
        const judged = this.gate()?.judge(name) ?? 'open';
        const leftMs = endMs - performance.now();
        if (judged !== 'wait' || leftMs <= 0) return judged;
        await this.change(leftMs);
      }
    } finally {
      this.#waiting--;
    }
  }

  async #admit(asked: Query, query: Buffer, answer: Buffer): Promise<Buffer> {
    const addresses = readAllAddresses(answer);
    if (addresses.length === 0) return answer;
    const outcome = await this.gate()?.admit(asked.name, addresses.map(textOf));
    if (outcome === 'refused') return formatProhibited(asked);
    return outcome === 'failed' ? formatFailure(query) : answer;
  }
}

/**
 * Names that Docker's resolver itself may know, of swarm's services and tasks: nobody outside has a name of a single label, or one
 * below a label "tasks" in the root. Nothing that they are answered with is let through.
 */
function isDockers(name: string): boolean {
  return /^(tasks\.)?[^.]+$/.test(name);
}

function textOf({
  content,
  ttlSeconds,
}: {
  readonly content: Buffer;
  readonly ttlSeconds: number;
}): AnsweredAddress {
  const address = IpAddress.of(content.length === 4 ? 4 : 6, BigInt(`0x${content.toString('hex')}`));
  return { address: `${address}`, ttlSeconds };
}
