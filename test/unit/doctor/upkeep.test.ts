/** What the doctor prints where xnet is a managed plugin: commands that work on its host, not in its container. */
import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { judgeDisk } from '../../../src/doctor/disk-checks.js';
import { judgeOpenFiles } from '../../../src/doctor/kernel-checks.js';
import { judgePlugin } from '../../../src/doctor/plugin-checks.js';
import { judgeKeeper, judgeRepairs } from '../../../src/doctor/status-checks.js';
import { upkeepOf } from '../../../src/upkeep.js';

const ID = 'ab'.repeat(32);
const PLUGIN = upkeepOf(ID);
const DISK = {
  ...{ directory: '/host/var/lib/xnet', mount: '/host/var/lib', freeBytes: 9e9, freeFiles: 1e6 },
  ...{ isReadOnly: true, isMemory: true },
};
const STATE = `"$(findmnt -n -o TARGET -T "$(docker plugin inspect -f '{{range .Settings.Mounts}}{{if eq .Name "state"}}{{.Source}}{{end}}{{end}}' ${ID})")"`;

test('the state directory is that of the host', () => {
  const [readOnly, inMemory] = judgeDisk(DISK, PLUGIN);
  expect(readOnly?.found).toMatch(/^\/var\/lib\/xnet cannot be written to/);
  expect(readOnly?.remedy).toContain(`mount -o remount,rw ${STATE}   #`);
  expect(inMemory?.remedy).toBe(
    `D=DIRECTORY; test -d "$D" && docker plugin disable -f ${ID} && docker plugin set ${ID} state.source="$D" && docker plugin enable ${ID}   # DIRECTORY: one on a disk`,
  );
});

test('a remedy that is run as printed, without a directory, leaves the plugin as it is', () => {
  const { stdout } = spawnSync('sh', ['-c', `docker() { echo "$@"; }\n${PLUGIN.moveState('/')}`]);
  expect(`${stdout}`).toBe('');
});

test('sockets are where the host has them', () => {
  const answer = '{"Implements":["NetworkDriver","IpamDriver"]}';
  const socket = { path: '/run/docker/plugins/xnet.sock', answer, problem: undefined };
  const modes = ['/run/docker/plugins/xnet.sock', '/host/run/xnet/admin.sock'].map((path) => ({
    path,
    mode: 0o666,
  }));
  expect(judgePlugin(socket, modes, PLUGIN.restart(), PLUGIN).map(({ remedy }) => remedy)).toEqual([
    `chmod 600 /run/docker/plugins/${ID}/xnet.sock`,
    'chmod 600 /run/xnet/admin.sock',
  ]);
});

test('the log is in that of Docker, and so is the limit of open files', () => {
  const log = `journalctl -u docker | grep plugin=${ID}`;
  const [repairs] = judgeRepairs([{ kind: 'repair', what: 'fdb-entry: 2 put right' }], PLUGIN);
  expect(repairs?.remedy).toContain(`${log} | grep repaired`);
  const [deaths] = judgeKeeper({ keeper: { deaths: 1 } as never }, PLUGIN);
  expect(deaths?.remedy).toBe(`see why: ${log}`);
  const [files] = judgeOpenFiles({ pid: 7, count: 10, most: 10 }, PLUGIN);
  expect(files?.remedy).toMatch(/in docker\.service$/);
});
