/** A host is rebooted, and nothing is done by hand. TEST_ROUNDS=20 makes it twenty times. */

import { describeInLab } from '../support/lab/lab-suite.js';
import { rounds } from '../support/rounds.js';
import { RestartingHost } from '../support/stories/rebooted.js';

/** From Docker's first answer on. */
const ACROSS_MS = 5000;

describeInLab('reboots', { hosts: 2 }, (test) => {
  for (const round of rounds(2)) {
    test(
      `after a reboot restarted containers have their networks, names and published ports (${round})`,
      async (lab) => {
        try {
          const host = await RestartingHost.prepare(lab);
          await host.reboot();
          const bootedAt = performance.now();
          const containers = await host.look();
          await containers.local(ACROSS_MS);
          const localMs = performance.now() - bootedAt;
          await containers.across(ACROSS_MS - localMs);
          const acrossMs = performance.now() - bootedAt;
          console.info(
            `reached after ${Math.round(localMs)} ms on the host, ${Math.round(acrossMs)} ms across`,
          );
        } finally {
          await RestartingHost.end(lab);
        }
      },
      // A network that a slow machine follows late after a boot is told of as an error.
      { timeoutMs: 180_000, logsErrors: true },
    );
  }
});
