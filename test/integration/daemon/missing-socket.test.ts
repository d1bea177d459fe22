/** The file by which Docker finds xnet is removed while xnet runs. */
import { rm } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { TestDaemon } from '../../support/daemon/daemon.js';
import { eventually } from '../../support/time/eventually.js';

const GONE = /^Docker does not reach xnet: its socket \S+ is gone; `xnet doctor` prints/;

const problems = async (daemon: TestDaemon): Promise<string[]> => {
  const text = await daemon.run('curl', '-s', '--unix-socket', daemon.adminSocket, 'http://xnet/v1/status');
  return JSON.parse(text).problems;
};

test('status says that Docker does not reach xnet, and where the remedy is', async () => {
  await using daemon = await TestDaemon.start();
  expect((await problems(daemon)).filter((problem) => GONE.test(problem))).toEqual([]);
  await rm(daemon.socket);
  await eventually('it is a problem', async () => (await problems(daemon)).some((each) => GONE.test(each)));
});
