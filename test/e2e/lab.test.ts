/**
 * The lab itself: on a loaded machine (a step of a host's boot that takes long, or fails, stands for the load), and when the
 * test run that it is for is killed.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { CHECKOUT } from '../support/lab/installed.js';
import { Lab } from '../support/lab/lab.js';
import { refusalOf, run } from '../support/programs/command.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';

/** Boots a host; its boot runs `hostname`, which is this shell script here. */
async function bootWithHostname(topic: string, script: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-lab-boot-'));
  try {
    const program = join(directory, 'hostname');
    await writeFile(program, `#!/bin/sh\n${script}\n`);
    await chmod(program, 0o755);
    await using lab = await Lab.up(topic, {
      hosts: 1,
      etcd: 0,
      settings: { PATH: `${directory}:${process.env.PATH}` },
    });
    return await lab.run(['status']);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('a host that boots slowly is waited for', async () => {
  const status = await bootWithHostname('slow-boot', 'sleep 22; exec /bin/hostname "$@"');
  expect(status).toMatch(/^h1 .* up +up/m);
}, 120_000);

test('a host whose boot has failed is not waited for', async () => {
  const started = performance.now();
  expect(await refusalOf(bootWithHostname('no-boot', 'exit 1'))).toContain('host h1 did not boot');
  expectInTime(performance.now() - started, 15_000);
}, 120_000);

test('a lab ends with the process that it is for', async () => {
  const owner = spawn('sleep', ['1000']);
  await using lab = await Lab.up('owner', { hosts: 1, etcd: 0, owner: owner.pid });
  expect(await lab.run(['status'])).toMatch(/^h1 /m);
  owner.kill('SIGKILL');
  await eventually(async () => expect(await refusalOf(lab.run(['status']))).toContain('is not up'), 60_000);
}, 120_000);

test('a lab ends also when the whole process group is ended that has started it', async () => {
  const lab = `${CHECKOUT}test/lab/lab`;
  const env = { XNET_LAB: `group-${process.pid}` };
  const group = spawn('sh', ['-c', '"$0" up 1 --etcd 0 --no-images --while $$; exec sleep 1000', lab], {
    ...{ detached: true, stdio: 'ignore', env: { ...process.env, ...env } },
  });
  const status = () => run([lab, 'status'], { env });
  try {
    await eventually(async () => expect(await status()).toMatch(/^h1 .* up/m), 60_000);
    process.kill(-group.pid!, 'SIGTERM');
    await eventually(async () => expect(await refusalOf(status())).toContain('is not up'), 60_000);
  } finally {
    await run([lab, 'down'], { env });
  }
}, 180_000);
