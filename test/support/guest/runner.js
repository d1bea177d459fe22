/**
 * jest's runner for tests of the kind `kernel`: files are run in guests, by jest's own parts there, and jest here reports them as
 * any others. A guest that falls silent, or ends too early, fails the file that it was at; after a file that failed the next one gets
 * a new guest.
 *
 * This is JavaScript because jest loads it before it can load TypeScript.
 */
import { relative } from 'node:path';
import { isTimeOver } from '../time/budget.js';
import { loadRatio } from '../time/load.js';
import { Guest } from './machine.js';
import { makeProject } from './project.js';
import { skippedResultOf, testResultOf } from './results.js';

/** How many times longer a program takes in a guest: 3.4 ms for an `ip` here, 40 to 80 there. */
const EMULATION = 20;

/** Of a test, whatever limit it names; and how long a guest may be silent. Both on a quiet machine. */
const LIMIT_MS = 120_000;
const SILENCE_MS = 150_000;

export default class GuestRunner {
  #config;
  #silenceMs;

  constructor(globalConfig, _context, { silenceMs = SILENCE_MS } = {}) {
    this.#config = globalConfig;
    this.#silenceMs = silenceMs;
  }

  /** As CallbackTestRunner of the package jest-runner. */
  async runTests(tests, _watcher, onStart, onResult, onFailure) {
    const waiting = [...tests];
    const fail = (test, why) => onFailure(test, { message: why, stack: '' });
    try {
      await this.#run(waiting, { onStart, onResult, fail });
    } catch (error) {
      for (const test of waiting.splice(0)) await fail(test, error.stack);
    }
  }

  async #run(waiting, jest) {
    const { rootDir, maxWorkers } = this.#config;
    const files = waiting.map(({ path }) => relative(rootDir, path));
    const project = await makeProject(rootDir, files);
    const work = async () => {
      while (waiting.length > 0 && !isTimeOver()) await this.#useGuest(project, waiting, jest);
    };
    try {
      // A guest that does not come up leaves what waits to the others, which are at work until then.
      const ends = await Promise.allSettled(Array.from({ length: Math.min(maxWorkers, files.length) }, work));
      const failure = ends.find(({ status }) => status === 'rejected');
      if (failure) throw failure.reason;
      for (const test of waiting.splice(0)) await jest.onResult(test, skippedResultOf(test));
    } finally {
      await project.remove();
    }
  }

  /** Takes tests out of `waiting` until there are none, or the guest has ended. Throws if the guest does not come up. */
  async #useGuest(project, waiting, jest) {
    const guest = await Guest.boot(this.#config.rootDir, project);
    let [current, isUp, failed] = [undefined, false, false];
    try {
      for await (const { isFree, result } of guest.reports(this.#silenceMs)) {
        if (result) {
          const testResult = testResultOf(current, result, project, this.#config);
          failed = testResult.failureMessage !== null;
          await jest.onResult(current, testResult);
          current = undefined;
          // A test that failed may go on in the guest, where its work would disturb the next file.
          if (failed) break;
        }
        if (isFree) {
          isUp = true;
          current = isTimeOver() ? undefined : waiting.shift();
          // The guest is ended with the loop.
          if (!current) break;
          await jest.onStart(current);
          guest.send(this.#orderOf(current));
        }
      }
      const why = failed || current || !isUp ? await guest.postMortem() : '';
      if (!isUp) throw new Error(why);
      if (current) await jest.fail(current, why);
      else if (failed) process.stderr.write(`${why.split('\n', 1)}\n`);
    } catch (error) {
      if (!current) throw error;
      // jest counts a file without a result as none at all, and the run may pass.
      await jest.fail(current, error.stack);
    }
  }

  /** See `inside/messages.ts`. */
  #orderOf({ path }) {
    const { rootDir, testNamePattern: namePattern } = this.#config;
    const load = loadRatio();
    return {
      file: relative(rootDir, path),
      namePattern,
      limitMs: LIMIT_MS * load,
      slowdown: EMULATION * load,
    };
  }
}
