import { expect, test } from '@jest/globals';
import { EgressGuard } from '../../../src/agent/egress/egress-guard.js';
import type { EgressRules } from '../../../src/dataplane/egress/egress-rules.js';
import { RepairLog } from '../../../src/observability/repair-log.js';
import { silentLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

test('a host without closed containers looks into the kernel once, whatever containers come', async () => {
  let looks = 0;
  const rules: Partial<EgressRules> = {
    keep: async () => {
      looks += 1;
      return true;
    },
  };
  let asked = 0;
  await using guard = new EgressGuard({
    rules: rules as EgressRules,
    local: {
      findRecord: () => undefined,
      listAllEndpoints: () => {
        asked += 1;
        return [];
      },
    },
    sandboxPathOf: () => undefined,
    containerIn: () => undefined,
    isOwn: () => false,
    noteRefused: () => undefined,
    repairs: new RepairLog(silentLogger),
    logger: silentLogger,
  });
  guard.start();
  for (const wanted of [1, 2, 3]) {
    await eventually(() => asked >= wanted);
    guard.hint();
  }
  await eventually(() => asked >= 4);
  expect(looks).toBe(1);
});
