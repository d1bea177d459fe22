import { expect, test } from '@jest/globals';
import { TunnelGuard } from '../../../src/agent/forwarding/tunnel-guard.js';
import type { TunnelFilter } from '../../../src/dataplane/dataplane.js';
import { XnetError } from '../../../src/errors.js';
import { RepairLog } from '../../../src/observability/repair-log.js';
import { muteLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

function open() {
  const calls: string[] = [];
  const vteps = ['192.0.2.1'];
  const kernel = { failures: 0, isAltered: false };
  const dataplane = {
    setTunnelFilter: async ({ vteps: given, vnis }: TunnelFilter) => {
      const isRefused = kernel.failures-- > 0;
      calls.push(`${given} ${vnis}${isRefused ? ' fails' : ''}`);
      if (isRefused) throw new XnetError('KERNEL', 'not now');
      return kernel.isAltered ? [{ kind: 'tunnel-filter', object: 'inet xnet', was: 'missing' }] : [];
    },
  };
  const hosts = { list: () => vteps.map((vtep) => ({ host: { vtep }, alive: true })) };
  const local = { listNetworks: () => [7, 7].map((vni) => ({ record: { vni } })) };
  const repairs = new RepairLog(muteLogger);
  const others: number[] = [];
  const clusterVnis = () => others;
  const guard = new TunnelGuard({
    dataplane,
    hosts,
    local,
    clusterVnis,
    repairs,
    logger: muteLogger,
  } as never);
  return { calls, vteps, others, kernel, repairs, guard };
}

type Case = ReturnType<typeof open>;

test.each<[string, (opened: Case) => unknown, calls: string[], repairs: number]>([
  [
    'at the start the filter is set, for each VNI once and that of the paths',
    () => undefined,
    ['192.0.2.1 7,16777215'],
    0,
  ],
  [
    'a hint sets it for the hosts that there are',
    async ({ guard, vteps, calls }) => {
      await eventually(() => calls.length === 1);
      vteps.push('192.0.2.2');
      for (let n = 0; n < 3; n++) guard.hint();
    },
    ['192.0.2.1 7,16777215', '192.0.2.1,192.0.2.2 7,16777215'],
    0,
  ],
  [
    'networks that only other hosts have are in it: packets that containers make by hand go out with the address of this host',
    ({ others }) => others.push(9, 7),
    ['192.0.2.1 7,9,16777215'],
    0,
  ],
  [
    'suspicions have it set once more, and what was altered is noted',
    async ({ guard, kernel, calls }) => {
      await eventually(() => calls.length === 1);
      kernel.isAltered = true;
      for (let n = 0; n < 3; n++) guard.suspect();
    },
    ['192.0.2.1 7,16777215', '192.0.2.1 7,16777215'],
    1,
  ],
  [
    'what could not be set is set again, without a hint',
    ({ kernel }) => {
      kernel.failures = 2;
    },
    ['192.0.2.1 7,16777215 fails', '192.0.2.1 7,16777215 fails', '192.0.2.1 7,16777215'],
    0,
  ],
])('%s', async (_, work, calls, repairs) => {
  const opened = open();
  await using guard = opened.guard;
  const working = work(opened);
  guard.start();
  await working;
  await eventually(() => expect(opened.calls.length).toBeGreaterThanOrEqual(calls.length));
  expect(opened.calls).toEqual(calls);
  expect(opened.repairs.counts['tunnel-filter'] ?? 0).toBe(repairs);
});
