/** What is under a prefix at one revision, read in pages: a long list takes many short calls, and none of them long. */
import { XnetError } from '../../errors.js';
import type { Entry, Past, Revision, Snapshot } from '../store.js';
import type { EtcdCalls } from './etcd-calls.js';
import { pastNotKept } from './etcd-failure.js';
import type { EtcdKeys } from './etcd-keys.js';

/** Some hundred kB, and milliseconds to parse. */
const KEYS_PER_PAGE = 1000;
/** Lists that were overtaken by a compaction. etcd is compacted every few minutes at most. */
const MAX_BEGINNINGS = 5;

interface Pages {
  readonly calls: EtcdCalls;
  readonly keys: EtcdKeys;
  readonly prefix: string;
  /** Called when a page has come that is not the last. */
  readonly onProgress: () => void;
}

/** At the store's present revision. Begins anew when etcd is compacted beyond it, or restored, in between. */
export async function listInPages(pages: Pages): Promise<Snapshot> {
  for (let count = 0; count < MAX_BEGINNINGS; count += 1) {
    const snapshot = await readPages(pages);
    if (typeof snapshot !== 'string') return snapshot;
  }
  throw new XnetError(
    'STORE_UNAVAILABLE',
    `etcd was compacted ${MAX_BEGINNINGS} times while ${pages.prefix} was listed; let it keep revisions for some minutes (--auto-compaction-retention)`,
  );
}

export async function pastInPages(pages: Pages, revision: Revision): Promise<Past> {
  const past = await readPages(pages, revision);
  return typeof past === 'string' ? past : past.entries;
}

/** Without `revision`: at the store's present one. */
async function readPages(
  { calls, keys, prefix, onProgress }: Pages,
  revision?: Revision,
): Promise<Snapshot | Exclude<Past, readonly Entry[]>> {
  const entries: Entry[] = [];
  const range = keys.range(prefix);
  for (let [at, from] = [revision, range.key]; ; ) {
    const request = { ...range, key: from, limit: KEYS_PER_PAGE, ...(at !== undefined && { revision: at }) };
    const page = await calls.repeatable(async (client, options) => {
      try {
        return await client.kv.range(request, options);
      } catch (error: unknown) {
        return pastNotKept(error);
      }
    });
    if (typeof page === 'string') return page;
    at ??= Number(page.header.revision);
    for (const kv of page.kvs) entries.push(keys.entry(kv));
    const last = page.kvs.at(-1);
    if (!page.more || !last) return { revision: at, entries };
    from = keys.after(last.key);
    onProgress();
  }
}
