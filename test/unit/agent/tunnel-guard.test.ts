import { expect, test } from '@jest/globals';
import { TunnelGuard } from '../../../src/agent/forwarding/tunnel-guard.js';
import type { TunnelFilter } from '../../../src/dataplane/dataplane.js';
import { XnetError } from '../../../src/errors.js';
import { RepairLog } from '../../../src/observability/repair-log.js';
import { muteLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

function open() {
  const calls: string[] = [];
  const vteps = ['192.0.2.1', '192.0.2.2'];
  const kernel = { failures: 0, isAltered: false };
  const dataplane = {
    setTunnelFilter: async ({ vteps: given, vnis, encrypted }: TunnelFilter) => {
      const isRefused = kernel.failures-- > 0;
      calls.push(`${given} ${vnis}${encrypted ? ` sealed ${encrypted}` : ''}${isRefused ? ' fails' : ''}`);
      if (isRefused) throw new XnetError('KERNEL', 'not now');
      return kernel.isAltered ? [{ kind: 'tunnel-filter', object: 'inet xnet', was: 'missing' }] : [];
    },
  };
  const hosts = { list: () => vteps.map((vtep, n) => ({ host: { id: `h${n}`, vtep }, alive: true })) };
  const local = { listNetworks: () => [7, 7].map((vni) => ({ record: { vni } })) };
  const repairs = new RepairLog(muteLogger);
  const others: number[] = [];
  const unknown: number[] = [];
  const sealed: number[] = [];
  const clusterVnis = () => others;
  const guard = new TunnelGuard({
    dataplane,
    hosts,
    local,
    hostId: 'h0',
    clusterVnis,
    clusterEncrypted: () => sealed,
    unknownEncrypted: async () => unknown,
    repairs,
    logger: muteLogger,
  } as never);
  return { calls, vteps, others, unknown, sealed, kernel, repairs, guard };
}

type Case = ReturnType<typeof open>;

test.each<[string, (opened: Case) => unknown, calls: string[], repairs: number]>([
  [
    'at the start the filter is set, for each VNI once and that of the paths',
    () => undefined,
    ['192.0.2.2 7,16777215'],
    0,
  ],
  [
    'a hint sets it for the hosts that there are',
    async ({ guard, vteps, calls }) => {
      await eventually(() => calls.length === 1);
      vteps.push('192.0.2.3');
      for (let n = 0; n < 3; n++) guard.hint();
    },
    ['192.0.2.2 7,16777215', '192.0.2.2,192.0.2.3 7,16777215'],
    0,
  ],
  [
    'networks that only other hosts have are in it: packets that containers make by hand go out with the address of this host',
    ({ others }) => others.push(9, 7),
    ['192.0.2.2 7,9,16777215'],
    0,
  ],
  [
    'so are those that are encrypted: they are put into no tunnel of this host by hand; nor has a packet from outside its own address',
    ({ others, sealed, vteps }) => {
      others.push(9);
      sealed.push(9);
      vteps.push('192.0.2.1');
    },
    ['192.0.2.2 7,9,16777215 sealed 9'],
    0,
  ],
  [
    'encrypted networks that the kernel has and nobody knows are in it: their packets do not leave in clear',
    ({ unknown }) => unknown.push(11),
    ['192.0.2.2 7,11,16777215 sealed 11'],
    0,
  ],
  [
    'suspicions have it set once more, and what was altered is noted',
    async ({ guard, kernel, calls }) => {
      await eventually(() => calls.length === 1);
      kernel.isAltered = true;
      for (let n = 0; n < 3; n++) guard.suspect();
    },
    ['192.0.2.2 7,16777215', '192.0.2.2 7,16777215'],
    1,
  ],
  [
    'what could not be set is set again, without a hint',
    ({ kernel }) => {
      kernel.failures = 2;
    },
    ['192.0.2.2 7,16777215 fails', '192.0.2.2 7,16777215 fails', '192.0.2.2 7,16777215'],
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

test('who needs an encrypted network waits until nothing is taken into it in clear, and fails as the filter does', async () => {
  const { guard, calls, kernel, others, sealed } = open();
  await using _ = guard;
  guard.start();
  await eventually(() => calls.length === 1);
  others.push(9);
  sealed.push(9);
  kernel.failures = 1;
  await expect(guard.require(9)).rejects.toThrow('not now');
  await Promise.all(Array.from({ length: 30 }, () => guard.require(9)));
  await guard.require(9);
  expect(calls.slice(1)).toEqual([
    '192.0.2.2 7,9,16777215 sealed 9 fails',
    ...Array.from({ length: calls.length - 2 }, () => '192.0.2.2 7,9,16777215 sealed 9'),
  ]);
  expect(calls.length).toBeLessThanOrEqual(4);
});

test('a filter that is not in force is a problem until it is', async () => {
  const { guard, kernel } = open();
  await using _ = guard;
  kernel.failures = 2;
  guard.start();
  await eventually(() => expect(guard.problems).toEqual([expect.stringMatching(/by hand.*not now/)]));
  await eventually(() => expect(guard.problems).toEqual([]));
});
