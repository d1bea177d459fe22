import { setImmediate } from 'node:timers/promises';
import type { Answer } from '../../admin/operations.js';
import type { HostReading } from '../../dataplane/host-reading.js';
import { errorMessage } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';

export interface ForgedCountsParts {
  readonly hostId: string;
  readonly dataplane: { readonly reading: Pick<HostReading, 'countForged'> };
  readonly logger: Pick<Logger, 'debug'>;
}

/** The list with what the kernel of this host has dropped of its own containers. A kernel that does not answer is no reason for none. */
export async function withForged(
  { hostId, dataplane, logger }: ForgedCountsParts,
  answer: Answer<'endpoints'>,
): Promise<Answer<'endpoints'>> {
  const own = answer.items.filter(({ host }) => host.id === hostId);
  const counts = new Map<string, ReadonlyMap<string, number>>();
  for (const networkId of new Set(own.map(({ network }) => network.id))) {
    const count = dataplane.reading.countForged(networkId).catch((error: unknown) => {
      logger.debug('dropped packets cannot be counted', { network: networkId, error: errorMessage(error) });
      return new Map<string, number>();
    });
    counts.set(networkId, await count);
    // A host may have hundreds.
    await setImmediate();
  }
  const forgedOf = (item: (typeof own)[number]) =>
    item.host.id === hostId ? counts.get(item.network.id)?.get(item.id.slice(0, 12)) : undefined;
  const items = answer.items.map((item) => {
    const forged = forgedOf(item);
    return forged === undefined ? item : { ...item, forged };
  });
  return { ...answer, items };
}
