/** What policies have dropped on this host, as events for people: once for each pair of containers and port, with a number. */
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

export interface DeniedFramesParts {
  readonly device: Pick<PolicyDevice, 'count' | 'listDenied'>;
  readonly inForce: () => ReadonlyMap<string, NetworkRules | undefined>;
  readonly endpointsOf: (networkId: string) => readonly EndpointRecord[] | undefined;
  readonly networkName: (networkId: string) => string;
  readonly events: Pick<EventLog, 'note'>;
  readonly logger: Logger;
}

const LOOK_MS = 10_000;
/** Without any rules. */
const IDLE_MS = 60_000;
/** Of one network at one look; the others are counted in one more. */
const MOST_EVENTS = 20;

export class DeniedFrames extends Sweep {
  readonly #parts: DeniedFramesParts;
  /** By network: what was counted at the last look, and how often each kind of frame was seen until then. */
  readonly #totals = new Map<string, number>();
  readonly #seen = new Map<string, ReadonlyMap<string, number>>();

  constructor(parts: DeniedFramesParts) {
    super({
      look: () => this.#look(),
      retryMs: LOOK_MS,
      onFailure: (error) =>
        parts.logger.debug('cannot read what policies drop', { error: errorMessage(error) }),
    });
    this.#parts = parts;
  }

  /** Starts a program only where something was dropped since the last look. */
  async #look(): Promise<number> {
    for (const [networkId, rules] of this.#parts.inForce()) {
      const counts = rules && this.#parts.device.count(networkId);
      if (!counts) continue;
      const total = totalOf(counts);
      const before = this.#totals.get(networkId);
      this.#totals.set(networkId, total);
      // What an earlier daemon has seen is no news.
      if (total > 0 && total !== before) await this.#note(networkId, rules, before !== undefined);
    }
    const isAny = [...this.#parts.inForce().values()].some((rules) => rules);
    return isAny ? LOOK_MS : IDLE_MS;
  }

  async #note(networkId: string, rules: NetworkRules, isNews: boolean): Promise<void> {
    const { device, events, networkName } = this.#parts;
    const frames = await device.listDenied(networkId);
    const before = this.#seen.get(networkId) ?? new Map<string, number>();
    this.#seen.set(networkId, new Map(frames.map((each) => [keyOf(each), each.packets])));
    if (!isNews) return;
    const network = networkName(networkId);
    const nameOf = this.#namesIn(networkId);
    const news = frames.flatMap((each) => {
      const former = before.get(keyOf(each)) ?? 0;
      const times = each.packets - (former > each.packets ? 0 : former);
      return times > 0 ? [{ ...each, times }] : [];
    });
    for (const each of news.slice(0, MOST_EVENTS)) {
      const what = `${whyDenied(each, rules)}: ${nameOf(each.fromMac)} -> ${nameOf(each.toMac)}:${each.port}/${each.protocol} ${
        isOfAudit(each, rules) ? 'would be dropped' : 'dropped'
      } ${each.times} times`;
      events.note({ kind: 'denied', what, network, container: nameOf(each.toMac) });
    }
    const more = news.length - MOST_EVENTS;
    if (more > 0) events.note({ kind: 'denied', what: `${more} more pairs of containers`, network });
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

function whyDenied({ fromMac, toMac }: SeenFrames, { gateways, policies, endpoints }: NetworkRules): string {
  if (gateways && !gateways.includes(fromMac) && !gateways.includes(toMac)) return 'isolation';
  const names = endpoints.find(({ mac }) => mac === toMac)?.selectedBy ?? [];
  const selecting = policies.filter(({ name }) => names.includes(name)).map(({ name }) => name);
  return selecting.length > 0 ? `policy ${selecting.join(', ')}` : 'labels not known';
}

function isOfAudit(frames: SeenFrames, { gateways, policies, endpoints }: NetworkRules): boolean {
  if (gateways) return false;
  const names = endpoints.find(({ mac }) => mac === frames.toMac)?.selectedBy ?? [];
  const selecting = policies.filter(({ name }) => names.includes(name));
  return selecting.length > 0 && selecting.every(({ isAudit }) => isAudit);
}

function keyOf({ fromMac, toMac, protocol, port }: SeenFrames): string {
  return `${fromMac} ${toMac} ${protocol} ${port}`;
}
