import { readAll } from '../../admin/cluster.js';
import { askHosts, type HostAnswer } from '../../agent/questions/asking.js';
import { errorMessage } from '../../errors.js';
import { hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import type { Store } from '../../store/store.js';

type ReadStore = Pick<Store, 'list' | 'description' | 'problem'>;

export interface Others {
  /** Those that are alive, and so can be asked. */
  readonly hosts: readonly { readonly id: string; readonly name: string }[];
  /** The store is away: who is alive is not known, and nobody can be asked. As an answer shows it. */
  readonly refusals: readonly { readonly host: string; readonly refusal: string }[];
}

export const NO_OTHERS: Others = { hosts: [], refusals: [] };

/** All hosts but this one. Never rejects: what this host itself has to say does not wait for a store that refuses it. */
export async function livingOthers(store: ReadStore, hostId: string): Promise<Others> {
  return readLivingOthers(store, hostId).catch((error: unknown) => unasked(errorMessage(error)));
}

/** As askHosts. A question that the store does not take, as an etcd that is full, is what each refuses. Never rejects. */
export async function askOthers(
  store: Parameters<typeof askHosts>[0],
  hostId: string,
  question: Parameters<typeof askHosts>[2],
  patienceMs: number,
  signal?: AbortSignal,
): Promise<HostAnswer[]> {
  return askHosts(store, hostId, question, patienceMs, signal).catch((error: unknown) => {
    const refusal = notAsked(errorMessage(error));
    return question.hostIds.map((id) => ({ hostId: id, values: [], refusal }));
  });
}

function unasked(reason: string): Others {
  return { hosts: [], refusals: [{ host: 'other hosts', refusal: notAsked(reason) }] };
}

function notAsked(reason: string): string {
  return `not asked: ${reason}`;
}

async function readLivingOthers(store: ReadStore, hostId: string): Promise<Others> {
  const [hosts, alive] = await Promise.all([
    readAll(store, keys.hosts(), hostRecord),
    store.list(keys.aliveHosts()),
  ]);
  if (!hosts.isCurrent || alive.recalled)
    return unasked(store.problem ?? `${store.description} does not answer`);
  const living = new Set(alive.entries.map(({ key }) => key));
  const others = hosts.records.filter(({ id }) => id !== hostId && living.has(keys.alive(id)));
  return { hosts: others, refusals: [] };
}
