/** What jest does after the last test: it removes the run's directory, and also names and removes what tests have left. */
import { dirname } from 'node:path';
import { removeRun } from './sweep.js';

export default async function tearDown() {
  const own = process.env.TMPDIR;
  process.env.TMPDIR = dirname(own);
  const left = await removeRun(own);
  if (left.length > 0) console.warn(`Left by tests, and removed:\n${left.join('\n')}`);
}
