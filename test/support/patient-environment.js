/**
 * Jest's time limits of tests and hooks hold where every program has a processor for itself. Where more programs want to run than
 * there are processors, the limits are longer in that ratio. Why not by `time/slowdown.ts`: see there.
 * A file that comes when the run's time is over (`time/budget.js`) is skipped.
 */
import { TestEnvironment } from 'jest-environment-node';
import { isTimeOver } from './time/budget.js';
import { loadRatio } from './time/load.js';

export default class PatientEnvironment extends TestEnvironment {
  /** Limits as they were given; a hook is started again and again. */
  #given = new Map();
  #isLate = isTimeOver();

  handleTestEvent({ name, test, hook, describeBlock }, { testTimeout }) {
    if (name === 'run_describe_start' && this.#isLate) describeBlock.mode = 'skip';
    const limited = { test_start: test, hook_start: hook }[name];
    if (!limited) return;
    if (!this.#given.has(limited)) this.#given.set(limited, limited.timeout ?? testTimeout);
    limited.timeout = this.#given.get(limited) * loadRatio();
  }
}
