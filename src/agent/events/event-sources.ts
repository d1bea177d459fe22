/**
 * src/agent/events: notes what happens on this host, as events for people (`xnet events`). Each source is a view or a state that
 * is there for another purpose; nothing waits for an event. Not in here: how events are kept (src/observability/event-log.ts).
 */
import { Sweep } from '../../concurrency/sweep.js';
import { type EndpointRecord, endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import type { EventLog } from '../../observability/event-log.js';
import type { Replica } from '../../replica/replica.js';
import type { View, ViewChanges } from '../../replica/view.js';
import { differences, type HostState } from './differences.js';

/** How often the states without a listener are compared, in memory. */
const LOOK_MS = 2_000;

export interface EventSourcesParts {
  readonly events: Pick<EventLog, 'note'>;
  readonly replica: Pick<Replica, 'follow'>;
  readonly hostId: string;
  readonly networkName: (networkId: string) => string;
  readonly state: () => HostState;
  readonly version: string;
}

export class EventSources extends Sweep {
  readonly #parts: EventSourcesParts;
  readonly #endpoints: View<EndpointRecord>;
  #before: HostState;

  constructor(parts: EventSourcesParts) {
    super({ look: async () => this.#compare(), retryMs: LOOK_MS, onFailure: () => undefined });
    this.#parts = parts;
    this.#before = parts.state();
    this.#endpoints = parts.replica.follow(keys.endpointsOfHost(parts.hostId), endpointRecord);
  }

  /** What is there at the start has not happened now. */
  override async start(): Promise<void> {
    await this.#endpoints.ready;
    this.#endpoints.onChange((changes) => this.#noteEndpoints(changes));
    this.#parts.events.note({ kind: 'daemon started', what: `xnet ${this.#parts.version}` });
    super.start();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#endpoints[Symbol.asyncDispose]();
    this.#parts.events.note({ kind: 'daemon stopped', what: `xnet ${this.#parts.version}` });
  }

  async #compare(): Promise<number> {
    const { events, state } = this.#parts;
    const seen = state();
    // A host that falls silent while nothing is known of the others is an event afterwards.
    const others = seen.storeProblem === undefined ? seen.others : this.#before.others;
    const now = { ...seen, others };
    for (const event of differences(this.#before, now)) events.note(event);
    this.#before = now;
    return LOOK_MS;
  }

  /** An endpoint is up for people when its container's name is known, which is a moment later. */
  #noteEndpoints(changes: ViewChanges<EndpointRecord>): void {
    for (const { before, now } of changes.values()) {
      const [was, is] = [before?.record, now?.record];
      if (is?.names && !was?.names) this.#noteEndpoint('endpoint up', is);
      else if (was && !is) this.#noteEndpoint('endpoint down', was);
    }
  }

  #noteEndpoint(
    kind: 'endpoint up' | 'endpoint down',
    { networkId, addresses, names, id }: EndpointRecord,
  ): void {
    const container = names?.container ?? id.slice(0, 12);
    const network = this.#parts.networkName(networkId);
    const what = `${container} (${addresses.join(', ')}) in ${network}`;
    this.#parts.events.note({ kind, what, network, container });
  }
}
