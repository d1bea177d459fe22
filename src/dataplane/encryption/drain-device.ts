import { sleep } from '../../concurrency/deadline.js';
import type { ListedLink } from '../../native/netlink/links.js';
import { readDevice } from './read-device.js';

/** Between two looks at what the device has counted. */
const LOOK_MS = 250;
/** So often in a row it has counted nothing: what was on its way through it has passed. */
const STILL_LOOKS = 2;
/** It is given up all the same. */
const MOST_LOOKS = 40;

/**
 * Resolves when nothing goes by the WireGuard device any more, 10 s later at most. A wireguard-go that has not had the processor does
 * not answer meanwhile: that it has counted nothing means something. Never rejects.
 */
export async function drainDevice(namespace: string | undefined, link: ListedLink): Promise<void> {
  const count = async () => {
    const device = await readDevice(namespace, link).catch(() => undefined);
    return (device?.peers ?? []).reduce((sum, { received, sent }) => sum + received + sent, 0);
  };
  let [before, still] = [await count(), 0];
  for (let looks = 0; looks < MOST_LOOKS && still < STILL_LOOKS; looks++) {
    await sleep(LOOK_MS);
    const now = await count();
    still = now === before ? still + 1 : 0;
    before = now;
  }
}
