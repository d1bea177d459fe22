/** What policies have dropped on this host, as events for people: for each pair of containers and port one when it begins, then one an hour at most. */
import { Sweep } from '../../concurrency/sweep.js';
import type {
  CountsOfNetwork,
  NetworkRules,
  PolicyDevice,
  SeenFrames,
} from '../../dataplane/policy/policies.js';
import { errorMessage } from '../../errors.js';
import type { EndpointRecord } from '../../model/endpoint.js';
import type { EventLog } from '../../observability/event-log.js';
import type { Logger } from '../../observability/logger.js';
import { DeniedPairs } from './denied-pairs.js';

export interface DeniedFramesParts {
  readonly device: Pick<PolicyDevice, 'count' | 'listDenied'>;
  readonly inForce: () => ReadonlyMap<string, NetworkRules | undefined>;
  readonly endpointsOf: (networkId: string) => readonly EndpointRecord[] | undefined;
  readonly networkName: (networkId: string) => string;
  readonly events: Pick<EventLog, 'note'>;
  readonly logger: Logger;
  /** In ms; default: of this process. */
  readonly now?: () => number;
}

/** Of one network. */
interface Watched {
  total: number;
  unnoted: number;
  /** When answers were last not awaited for want of room. */
  unnotedAt: number | undefined;
  readonly pairs: DeniedPairs;
}

const LOOK_MS = 10_000;
/** Without any rules. To be hinted when there are some. */
const IDLE_MS = 60_000;
/** For which a problem is one after it was last seen. */
const PROBLEM_MS = 10 * 60_000;

export class DeniedFrames extends Sweep {
  readonly #parts: DeniedFramesParts;
  readonly #now: () => number;
  readonly #watched = new Map<string, Watched>();
  /** Rules that are in force at the first look may be those of an earlier daemon, and what that has seen is no news. */
  #isFirst = true;

  constructor(parts: DeniedFramesParts) {
    super({
      look: () => this.#look(),
      retryMs: LOOK_MS,
      onFailure: (error) =>
        parts.logger.debug('cannot read what policies drop', { error: errorMessage(error) }),
    });
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
  }

  /** Of answers that are dropped though they were asked for, for people. */
  get problems(): string[] {
    const since = this.#now() - PROBLEM_MS;
    return [...this.#watched]
      .filter(([, { unnotedAt }]) => unnotedAt !== undefined && unnotedAt > since)
      .map(
        ([networkId, { unnoted }]) =>
          `network ${this.#parts.networkName(networkId)}: ${unnoted} packets of UDP or SCTP were sent on this host by containers that a policy selects without their answers being awaited, ` +
          'so that these are dropped: a container begins more such connections than are kept; find it (xnet capture), or let its answers in by a rule',
      );
  }

  /** Starts a program only where something was dropped since the last look. */
  async #look(): Promise<number> {
    const inForce = this.#parts.inForce();
    for (const networkId of this.#watched.keys())
      if (!inForce.get(networkId)) this.#watched.delete(networkId);
    for (const [networkId, rules] of inForce) if (rules) await this.#lookAt(networkId, rules);
    this.#isFirst = false;
    return this.#watched.size > 0 ? LOOK_MS : IDLE_MS;
  }

  async #lookAt(networkId: string, rules: NetworkRules): Promise<void> {
    const counts = this.#parts.device.count(networkId);
    if (!counts) return;
    const total = totalOf(counts);
    const known = this.#watched.get(networkId);
    const isNews = known !== undefined || !this.#isFirst;
    const watched = known ?? this.#add(networkId);
    if (isNews && counts.unnoted > watched.unnoted) watched.unnotedAt = this.#now();
    watched.unnoted = counts.unnoted;
    const isMore = total > 0 && total !== watched.total;
    watched.total = total;
    if (isMore) watched.pairs.learn(await this.#parts.device.listDenied(networkId), isNews);
    this.#note(networkId, rules, watched.pairs);
  }

  #note(networkId: string, rules: NetworkRules, pairs: DeniedPairs): void {
    const { events, networkName } = this.#parts;
    const { due, more } = pairs.takeDue(this.#now());
    if (due.length === 0 && more === 0) return;
    const network = networkName(networkId);
    const nameOf = this.#namesIn(networkId);
    for (const each of due) {
      const what = `${whyDenied(each, rules)}: ${nameOf(each.fromMac)} -> ${nameOf(each.toMac)}:${each.port}/${each.protocol} ${
        isOfAudit(each, rules) ? 'would be dropped' : 'dropped'
      } ${each.packets} times`;
      events.note({ kind: 'denied', what, network, container: nameOf(each.toMac) });
    }
    if (more > 0)
      events.note({ kind: 'denied', what: `${more} more pairs of containers and ports`, network });
  }

  #add(networkId: string): Watched {
    const watched = { total: 0, unnoted: 0, unnotedAt: undefined, pairs: new DeniedPairs() };
    this.#watched.set(networkId, watched);
    return watched;
  }

  #namesIn(networkId: string): (mac: string) => string {
    const endpoints = this.#parts.endpointsOf(networkId) ?? [];
    const names = new Map(endpoints.map(({ mac, names, id }) => [mac, names?.container ?? id.slice(0, 12)]));
    return (mac) => names.get(mac) ?? mac;
  }
}

function totalOf({ policies, isolated, unknown }: CountsOfNetwork): number {
  return [...policies.values()].reduce((sum, { denied }) => sum + denied, isolated + unknown);
}

function whyDenied(frames: SeenFrames, rules: NetworkRules): string {
  if (isByIsolation(frames, rules)) return 'isolation';
  const selecting = selectingOf(frames, rules).map(({ name }) => name);
  return selecting.length > 0 ? `policy ${selecting.join(', ')}` : 'labels not known';
}

function isOfAudit(frames: SeenFrames, rules: NetworkRules): boolean {
  if (isByIsolation(frames, rules)) return false;
  const selecting = selectingOf(frames, rules);
  // Of one whose labels are not known any policy may be the one that selects it.
  return (selecting.length > 0 ? selecting : rules.policies).every(({ isAudit }) => isAudit);
}

function isByIsolation({ fromMac, toMac }: SeenFrames, { gateways }: NetworkRules): boolean {
  return gateways !== undefined && !gateways.has(fromMac) && !gateways.has(toMac);
}

function selectingOf({ toMac }: SeenFrames, { policies, endpoints }: NetworkRules) {
  const names = endpoints.get(toMac)?.selectedBy ?? [];
  return policies.filter(({ name }) => names.includes(name));
}
