/** What the commands say of a daemon that is there and answers nobody, and how soon. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { untilHung } from '../../../src/cli/ask/hung-daemon.js';
import { TestDaemon } from '../../support/daemon/daemon.js';
import { expectInTime } from '../../support/time/in-time.js';

/** A second until it is looked for, and what etcd, Docker and the kernel are asked instead. */
const ANSWER_MS = 4_000;

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await TestDaemon.start();
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

/** Where the daemon's socket is listed, and configured as the daemon is. */
function xnet(...args: string[]) {
  const { directory, adminSocket, namespace } = daemon;
  const env = { ...process.env, XNET_ADMIN_SOCKET: adminSocket, XNET_STATE_DIR: `${directory}/state` };
  const command = [`--net=/run/netns/${namespace}`, process.execPath, 'bin/xnet', ...args];
  const all = [...command, '--admin-socket', adminSocket];
  const { stdout, stderr, status } = spawnSync('nsenter', all, { encoding: 'utf8', env });
  return { stdout, stderr, status };
}

test.each([['status'], ['doctor']])(
  '%s names a stopped daemon, and the command that lets it go on',
  async (command) => {
    const pid = daemon.daemonPid as number;
    process.kill(pid, 'SIGSTOP');
    try {
      const begun = performance.now();
      const { stdout, status } = xnet(command);
      expectInTime(performance.now() - begun, ANSWER_MS);
      expect(stdout).toMatch(
        new RegExp(`its process ${pid} was stopped by a signal; let it go on: kill -CONT ${pid}$`, 'm'),
      );
      expect(status).toBe(1);
      spawnSync('sh', ['-c', /kill -CONT \d+/.exec(stdout)?.[0] ?? 'false']);
      expect(xnet('networks').status).toBe(0);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  },
);

test('events that are followed are refused at once, too', () => {
  const pid = daemon.daemonPid as number;
  process.kill(pid, 'SIGSTOP');
  try {
    const { stderr, status } = xnet('events', '-f');
    expect(stderr).toContain(`kill -CONT ${pid}`);
    expect(status).toBe(1);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});

test('a daemon that runs and answers nobody hangs, when it has had the time to start', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-hung-'));
  const [program, socket] = [join(directory, 'xnet'), join(directory, 'admin.sock')];
  await writeFile(program, "require('node:net').createServer(() => {}).listen(process.argv[3]);");
  const hanging = spawn(process.execPath, [program, 'daemon', socket]);
  try {
    const begun = performance.now();
    const reason = await untilHung(socket, new AbortController().signal);
    expect(reason).toBe(
      `its process ${hanging.pid} runs and hangs; let another one take its place: kill -KILL ${hanging.pid}`,
    );
    expect(performance.now() - begun).toBeGreaterThan(10_000);
  } finally {
    hanging.kill();
    await rm(directory, { recursive: true });
  }
});
