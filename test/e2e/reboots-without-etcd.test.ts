/** A host is rebooted while etcd is away, and nothing is done by hand. TEST_ROUNDS=5 makes it five times. */

import { describeInLab } from '../support/lab/lab-suite.js';
import { rounds } from '../support/rounds.js';
import { RestartingHost } from '../support/stories/rebooted.js';

/** From Docker's first answer on. */
const LOCAL_MS = 5000;
/** From etcd's first answer on. */
const ACROSS_MS = 5000;

describeInLab('reboots without etcd', { hosts: 2 }, (test) => {
  for (const round of rounds(1)) {
    test(
      `restarted containers talk on their host at once, and across hosts when etcd is back (${round})`,
      async (lab) => {
        try {
          const host = await RestartingHost.prepare(lab);
          await lab.etcd('stop');
          try {
            await host.reboot();
            await (await host.look()).local(LOCAL_MS);
          } finally {
            await lab.etcd('start');
          }
          await (await host.look()).across(ACROSS_MS);
        } finally {
          await RestartingHost.end(lab);
        }
      },
      { timeoutMs: 240_000, logsErrors: true },
    );
  }
});
