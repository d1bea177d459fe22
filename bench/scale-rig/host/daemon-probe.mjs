/**
 * Loaded into the measured daemon (node --import): measures the delays of its event loop, and takes a profile of it. Both begin
 * with the process. On SIGUSR2 what is under way ends, and is written to RIG_PROBE_DIR; on the next one it begins anew: so a
 * daemon whose idling is measured is not woken by its measuring.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const { RIG_PROBE_DIR: directory, RIG_PROBE_PROFILE: isProfiled } = process.env;

/** Of the loop's timer, in ms: it is part of each delay, and taken out of it. */
const RESOLUTION_MS = 10;

if (directory !== undefined && process.argv[2] === 'daemon') await watch();

async function watch() {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const session = new Session();
  if (isProfiled) session.connect();
  const begin = async () => {
    delays.reset();
    delays.enable();
    if (!isProfiled) return;
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
  };
  const end = async () => {
    delays.disable();
    const maxMs = Math.max(0, delays.max / 1e6 - RESOLUTION_MS);
    if (isProfiled) {
      const { profile } = await session.post('Profiler.stop');
      writeFileSync(`${directory}/${Date.now()}.cpuprofile`, JSON.stringify(profile));
    }
    writeFileSync(`${directory}/loop.json`, JSON.stringify({ maxMs }));
  };
  let isRunning = true;
  await begin();
  process.on('SIGUSR2', () => {
    isRunning = !isRunning;
    void (isRunning ? begin() : end());
  });
}
