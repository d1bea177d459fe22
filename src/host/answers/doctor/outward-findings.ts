/** Whether containers of this host reach what is outside, by docker_gwbridge: for `xnet doctor`, and as problems for `xnet status`. */
import type { GatewayBridge, HostReading } from '../../../dataplane/host-reading.js';
import type { Judgement } from '../../../doctor/finding.js';
import { judgeOutside } from '../../../doctor/firewall-checks.js';
import { judgeForwarding } from '../../../doctor/kernel-checks.js';
import { outwardOf } from '../../outward.js';

/** `subnets`: of docker_gwbridge, as this host's record has them. */
export async function findOutwardFaults(
  reading: HostReading,
  subnets: readonly string[],
): Promise<readonly Judgement[]> {
  const [routes, mtus] = await Promise.all([reading.listRoutes(), reading.listMtus(undefined)]);
  const bridges = routes.flatMap(({ destination: subnet, device }): GatewayBridge[] =>
    subnets.includes(subnet) && !subnet.includes(':') ? [{ subnet, device }] : [],
  );
  return judgeOutside({
    ...{ bridges, mtus, outward: outwardOf(routes, mtus) },
    drops: await reading.findOutwardDrops(bridges),
  });
}

/** Failures alone. Without such a bridge no container reaches the outside anyway, and none of it is looked at. */
export async function findOutwardProblems(
  reading: HostReading,
  subnets: readonly string[],
): Promise<string[]> {
  if (subnets.length === 0) return [];
  const { forwards } = await reading.readOutwardSettings();
  const faults = [...judgeForwarding(forwards), ...(await findOutwardFaults(reading, subnets))];
  return faults.flatMap(({ verdict, found, remedy }) =>
    verdict === 'failure' ? [`${found}; ${remedy}`] : [],
  );
}
