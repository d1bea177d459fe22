import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import { readAll } from '../../../admin/cluster.js';
import type { NetworkStatus, Status } from '../../../admin/status-answer.js';
import { judgeSources, type SourceFacts } from '../../../doctor/address-checks.js';
import type { Judgement } from '../../../doctor/finding.js';
import { keys } from '../../../model/keys.js';
import { networkRecord } from '../../../model/network.js';
import type { Looked } from './checks.js';

/** Longer than a container is being attached, and than rules are missed that others have just taken away. */
const SETTLED_MS = 1_500;

/** Whether containers are held to their own MACs and addresses where that is promised. Twice, if one is not. */
export async function findSourceFaults(looked: Looked, { networks }: Status): Promise<readonly Judgement[]> {
  const { records } = await readAll(looked.reader, keys.networks(), networkRecord);
  const free = new Set(records.flatMap(({ id, protection }) => (protection?.spoof === 'allow' ? id : [])));
  const held = networks.filter(({ id, mode }) => mode === 'overlay' && !free.has(id));
  const first = await look(looked, held);
  if (first.every(({ isHeld }) => isHeld)) return judgeSources(first);
  await pause(SETTLED_MS);
  return judgeSources(await look(looked, held));
}

async function look(
  { dataplane: { reading } }: Looked,
  networks: readonly NetworkStatus[],
): Promise<SourceFacts[]> {
  const facts: SourceFacts[] = [];
  for (const { id, name = id, endpoints } of networks) {
    const unheld = await reading.findUnheld(id, endpoints);
    const forged = await reading.countForged(id);
    facts.push(
      ...endpoints.map((endpoint) => ({
        ...{ container: endpoint.container ?? endpoint.id.slice(0, 12), network: name },
        isHeld: !unheld.includes(endpoint.id.slice(0, 12)),
        forged: forged.get(endpoint.id.slice(0, 12)) ?? 0,
      })),
    );
    // A host may have hundreds.
    await setImmediate();
  }
  return facts;
}
