import { hostname } from 'node:os';
import { z } from 'zod';
import type { Answer } from '../../admin/operations.js';
import { EventSources } from '../../agent/events/event-sources.js';
import type { Paths } from '../../agent/paths/paths.js';
import type { Handler } from '../../agent/questions/answering.js';
import { streamAnswers } from '../../agent/questions/asking.js';
import { merge } from '../../concurrency/merge.js';
import { XnetError } from '../../errors.js';
import { hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import type { AnswerRecord } from '../../model/question.js';
import { findRecord } from '../../model/record.js';
import { type EventLog, type HostEvent, hostEvent } from '../../observability/event-log.js';
import type { Store } from '../../store/store.js';
import type { DockerAgents } from '../docker-agents.js';
import type { Forwarding } from '../forwarding.js';
import type { Foundation } from '../foundation.js';
import { namedPairs } from '../paths/pairs.js';
import { namedPaths } from '../paths/paths.js';
import { askOthers, livingOthers, NO_OTHERS } from './living-hosts.js';

export const EVENTS = 'events';
/** A question's answers are parts of so many events at most, below what the store takes as one value. */
const MOST_IN_A_PART = 500;
/** All hosts together answer with so many events, some ten megabytes: etcd's quota is 2 GB, and full logs of 1,000 hosts are 4. */
const MOST_OF_ALL = 50_000;
const PATIENCE_MS = 9_000;

/** What another host wants. */
const eventsWanted = z.object({
  /** ISO 8601: those that have happened since. */
  since: z.string().optional(),
  /** At most so many of these, the latest; absent: all. */
  most: z.number().int().positive().optional(),
  /** Also those that happen from now on. */
  follow: z.boolean().optional(),
});

/** Notes what happens on this host, from its start on. */
export function eventSources(
  { hostId, version, events }: Foundation,
  forwarding: Forwarding,
  { problems, nameInDocker }: DockerAgents,
  paths: Paths,
): EventSources {
  const { replica, local, hosts, pairs, repairs } = forwarding;
  const nameOf = (id: string) => local.findRecord(id)?.name ?? id;
  const state = () => ({
    networks: new Map(
      local.listNetworks().map(({ dockerNetworkId, record }) => {
        return [dockerNetworkId, record.name ?? nameInDocker(dockerNetworkId) ?? record.id];
      }),
    ),
    others:
      replica.problem !== undefined
        ? new Map<string, boolean>()
        : new Map(
            hosts.list().flatMap(({ host, alive }) => (host.id === hostId ? [] : [[host.name, alive]])),
          ),
    storeProblem: replica.problem,
    paths: new Map(namedPaths({ hosts, paths }).map(({ name, state }) => [name, state])),
    pairs: namedPairs({ hosts, pairs }),
    problems: problems.own,
    repairs: repairs.counts,
  });
  return new EventSources({ events, replica, hostId, networkName: nameOf, state, version });
}

/** Answers other hosts with this one's events. */
export function eventsHandler(events: EventLog): Handler {
  return (parameters, signal) => batchesOf(events, eventsWanted.parse(parameters), signal);
}

/** This host's events since then, and with `all` those of every other host that is alive, in the order of time. */
export async function listEvents(
  foundation: Foundation,
  since: string,
  isAll: boolean,
): Promise<Answer<'events'>> {
  const { store, hostId, events } = foundation;
  const { hosts: others, refusals } = isAll ? await livingOthers(store, hostId) : NO_OTHERS;
  const most = Math.ceil(MOST_OF_ALL / Math.max(1, others.length));
  const question = { kind: EVENTS, parameters: { since, most }, hostIds: others.map(({ id }) => id) };
  const answers = await askOthers(store, hostId, question, PATIENCE_MS);
  const ofOthers = answers.map(({ values, refusal }, index) => {
    const host = others[index]?.name ?? '';
    const items = values.flatMap((batch) => itemsOf(host, batch));
    return { host, items, refusal: refusal ?? (items.length >= most ? onlyLatest(most) : undefined) };
  });
  const own = itemsOf(hostname(), await events.list(since));
  return {
    items: [...own, ...ofOthers.flatMap(({ items }) => items)].sort((a, b) => (a.at < b.at ? -1 : 1)),
    refusals: [
      ...refusals,
      ...ofOthers.flatMap(({ host, refusal }) => (refusal === undefined ? [] : [{ host, refusal }])),
    ],
  };
}

function onlyLatest(most: number): string {
  return `these are its latest ${most} events; for earlier ones ask on that host`;
}

/** As they happen, in batches, until `signal` aborts; of hosts that come later, too. Throws the store's errors. */
export async function* followEvents(
  foundation: Foundation,
  isAll: boolean,
  signal: AbortSignal,
): AsyncGenerator<Answer<'events'>['items']> {
  const { store, hostId, events } = foundation;
  const { hosts: others, refusals } = isAll ? await livingOthers(store, hostId) : NO_OTHERS;
  if (refusals[0]) throw new XnetError('STORE_UNAVAILABLE', `${refusals[0].host}: ${refusals[0].refusal}`);
  const names = new Map(others.map(({ id, name }) => [id, name]));
  const question = { kind: EVENTS, parameters: { follow: true } };
  const itemsOfPart = async ({ hostId: id, value }: AnswerRecord) => {
    if (!names.has(id)) names.set(id, await nameOfHost(store, id));
    return itemsOf(names.get(id) ?? id, value);
  };
  const ownItems = (batch: HostEvent[]) => itemsOf(hostname(), batch);
  const ofOthers = (ended: AbortSignal) =>
    mapEach(streamAnswers(store, hostId, question, ended), itemsOfPart);
  yield* merge(signal, [
    (ended) => mapEach(batchesOf(events, { follow: true }, ended), ownItems),
    ...(isAll ? [ofOthers] : []),
  ]);
}

async function nameOfHost(store: Pick<Store, 'get'>, id: string): Promise<string> {
  const entry = await store.get(keys.host(id));
  return (entry && findRecord(hostRecord, entry)?.name) ?? id;
}

async function* batchesOf(
  events: EventLog,
  { since, most, follow }: z.infer<typeof eventsWanted>,
  signal: AbortSignal,
): AsyncGenerator<HostEvent[]> {
  const all = since === undefined ? [] : await events.list(since);
  const found = most === undefined ? all : all.slice(-most);
  for (let first = 0; first < found.length; first += MOST_IN_A_PART)
    yield found.slice(first, first + MOST_IN_A_PART);
  if (!follow) return;
  for await (const event of events.follow(signal)) yield [event];
}

/** None of a batch that cannot be read. */
function itemsOf(host: string, batch: unknown): Answer<'events'>['items'] {
  const parsed = z.array(hostEvent).safeParse(batch);
  return (parsed.data ?? []).map((event) => ({ host, ...event }));
}

async function* mapEach<T, U>(items: AsyncIterable<T>, map: (item: T) => U | Promise<U>): AsyncGenerator<U> {
  for await (const item of items) yield await map(item);
}
