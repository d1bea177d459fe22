/**
 * The order of the files. In a run with a limit of time (`time/budget.js`) it depends on the commit, so that what one run does not come
 * to, another one does. Else it is jest's own: long files first.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import TestSequencer from '@jest/test-sequencer';

export default class Sequencer extends TestSequencer {
  sort(tests) {
    if (process.env.TEST_UNTIL === undefined) return super.sort(tests);
    const commit = execFileSync('git', ['rev-parse', 'HEAD']).toString();
    const rank = ({ path }) =>
      createHash('sha1').update(commit).update(relative(process.cwd(), path)).digest('hex');
    return [...tests].sort((one, other) => (rank(one) < rank(other) ? -1 : 1));
  }
}
