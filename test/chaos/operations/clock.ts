/** A jump of the clock that xnet's daemon on one host goes by; nobody else's. */
import { pick, type Random } from '../../support/random.js';
import type { Kind } from '../operation.js';

const HOUR_MS = 3_600_000;
const OFFSETS_MS = [-24 * HOUR_MS, -HOUR_MS, -60_000, 0, 60_000, HOUR_MS, 24 * HOUR_MS, 400 * 24 * HOUR_MS];

export const CLOCK_KINDS: readonly Kind[] = [
  {
    name: 'clock',
    weight: 2,
    draw(model, random: Random) {
      const host = pick(random, model.hosts);
      const offsetMs = pick(random, OFFSETS_MS);
      return {
        kind: 'clock',
        text: `xnet's clock on ${host} ${offsetMs / 60_000} minutes from the machine's`,
        owns: [`clock of ${host}`],
        uses: [host],
        apply: () => undefined,
        perform: (world) => world.shiftClock(host, offsetMs),
      };
    },
  },
];
