/** What changes elsewhere cost the measured host. */
import { type Change, makeChanges } from './cluster/changes.js';
import type { MeasuredHost } from './host/measured-host.js';
import { type Rate, rateOf, readUsage } from './host/usage.js';
import { type Rig, sleep } from './rig.js';

/** After the last change, until what it set in motion has ended. */
const AFTER_MS = 500;

/** A second's, and what each of the changes cost above idling. */
export async function changing(
  { pace }: Pick<Rig, 'pace'>,
  measured: MeasuredHost,
  idle: Rate,
  changes: Iterator<Change>,
  perSecond: number,
): Promise<Rate & { readonly perChangeMs: number }> {
  const before = readUsage(measured.daemon.keeperPid);
  const made = await makeChanges(changes, perSecond, pace.windowMs);
  await sleep(AFTER_MS);
  const after = readUsage(measured.daemon.keeperPid);
  const rate = rateOf(before, after);
  const seconds = (after.atMs - before.atMs) / 1000;
  return { ...rate, perChangeMs: ((rate.cpuMs - idle.cpuMs) * seconds) / Math.max(1, made) };
}
