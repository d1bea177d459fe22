/**
 * Jest's time limits of tests and hooks hold where every program has a processor for itself. Where more programs want to run than
 * there are processors, the limits are longer in that ratio.
 */
import { availableParallelism, loadavg } from 'node:os';
import { TestEnvironment } from 'jest-environment-node';

export default class PatientEnvironment extends TestEnvironment {
  handleTestEvent({ name, test, hook }, { testTimeout }) {
    const limited = { test_start: test, hook_start: hook }[name];
    if (limited)
      limited.timeout = (limited.timeout ?? testTimeout) * Math.max(1, loadavg()[0] / availableParallelism());
  }
}
