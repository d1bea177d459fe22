/** What the guest reports of a file (`inside/messages.ts`), as jest's result of it. */
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join, resolve } from 'node:path';
import { createEmptyTestResult } from '@jest/test-result';
import { formatResultsErrors } from 'jest-message-util';

/** `result` is what the guest reports of `test`; `directory` has the JavaScript that it ran (`project.js`). */
export function testResultOf(test, { tests, errors, startedMs, endedMs }, { directory }, globalConfig) {
  const toSource = sourcePlaces(directory);
  const testResults = tests.map((each) => assertionOf(each, toSource));
  const count = (status) => testResults.filter((each) => each.status === status).length;
  const result = {
    ...createEmptyTestResult(),
    ...{ testFilePath: test.path, displayName: test.context.config.displayName, testResults },
    ...{ numPassingTests: count('passed'), numFailingTests: count('failed') },
    ...{ numPendingTests: count('pending'), numTodoTests: count('todo') },
    failureMessage: formatResultsErrors(testResults, test.context.config, globalConfig, test.path),
  };
  Object.assign(result.perfStats, { start: startedMs, end: endedMs, runtime: endedMs - startedMs });
  if (errors.length === 0) return result;
  const stack = errors.map(toSource).join('\n\n');
  const failureMessage = `${stack}\n${result.failureMessage ?? ''}`;
  return { ...result, testExecError: { message: stack, stack }, failureMessage };
}

/** Of a file that no guest has begun. */
export function skippedResultOf(test) {
  const title = 'the file';
  const assertion = {
    ancestorTitles: [],
    fullName: title,
    title,
    status: 'pending',
    failureMessages: [],
    failureDetails: [],
  };
  return {
    ...createEmptyTestResult(),
    ...{ testFilePath: test.path, displayName: test.context.config.displayName },
    ...{
      numPendingTests: 1,
      skipped: true,
      testResults: [{ ...assertion, location: null, numPassingAsserts: 0 }],
    },
  };
}

function assertionOf(
  { testPath, status, errors, duration, startedAt, invocations, numPassingAsserts },
  toSource,
) {
  const [, ...titles] = testPath;
  const failureMessages = errors.map(toSource);
  const of = { done: failureMessages.length > 0 ? 'failed' : 'passed', skip: 'pending', todo: 'todo' };
  return {
    ...{ title: titles.at(-1), ancestorTitles: titles.slice(0, -1), fullName: titles.join(' ') },
    ...{ status: of[status], failureMessages, failureDetails: [], duration, startedAt, invocations },
    ...{ numPassingAsserts, location: null, failing: false, retryReasons: [] },
  };
}

/** A function that replaces places in the guest's JavaScript by those in our sources. */
function sourcePlaces(directory) {
  const maps = new Map();
  const mapOf = (path) => {
    if (!maps.has(path)) maps.set(path, new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8'))));
    return maps.get(path);
  };
  return (text) =>
    text.replace(/(?:file:\/\/)?\/project\/([\w./-]+\.js):(\d+):(\d+)/g, (place, name, line, column) => {
      try {
        const path = join(directory, name);
        const found = mapOf(path).findEntry(line - 1, column - 1);
        return `${resolve(path, '..', found.originalSource)}:${found.originalLine + 1}:${found.originalColumn + 1}`;
      } catch {
        return place;
      }
    });
}
