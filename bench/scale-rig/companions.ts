/** More real daemons beside the measured one: hosts of their own in the same networks, which nobody measures. */
import type { PlannedHost } from './cluster/records.js';
import { startContainer } from './host/containers.js';
import { type Contestant, MeasuredHost } from './host/measured-host.js';
import type { Rig } from './rig.js';

/** One after the other. Resolves when all are ready, each with a container in each own network. */
export async function startCompanions(
  { plan, place }: Rig,
  contestant: Contestant,
  hosts: readonly PlannedHost[],
): Promise<AsyncDisposable> {
  const started: MeasuredHost[] = [];
  const end = async () => {
    for (const companion of started) await companion[Symbol.asyncDispose]();
  };
  try {
    for (const host of hosts) {
      const companion = await MeasuredHost.start(contestant, host, plan.all, place);
      started.push(companion);
      await companion.ready();
      await companion.endProbe();
      const own = plan.networks.slice(0, plan.size.ownNetworks);
      for (const network of own) await startContainer(companion, network);
    }
    return { [Symbol.asyncDispose]: end };
  } catch (error: unknown) {
    await end();
    throw error;
  }
}
