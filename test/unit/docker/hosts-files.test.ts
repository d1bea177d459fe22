import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ContainerDirectories } from '../../../src/docker/container-directories.js';
import { HostsFiles } from '../../../src/docker/hosts-files.js';
import { createLogger } from '../../../src/observability/logger.js';
import { eventually } from '../../support/time/eventually.js';

const FILL = ' '.repeat(7);
const [FIRST, SECOND, THIRD] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [string, string, string];

function replace(path: string, make: () => void): void {
  rmSync(path);
  make();
}

/** What the kernel and Docker show of a host, in a directory. */
class HostDirectory {
  constructor(readonly root: string) {}

  /** `mounted` false: Docker's directory is on a disk that cannot be seen. */
  async boot({ mounted = true } = {}): Promise<void> {
    await mkdir(join(this.root, 'proc/self'), { recursive: true });
    const disk = mounted ? `30 1 8:1 / ${this.root}/disk rw - ext4 /dev/sda1 rw\n` : '';
    await writeFile(join(this.root, 'proc/self/mountinfo'), `20 1 254:0 / / rw - ext4 /dev/vda rw\n${disk}`);
  }

  async start(pid: number, id: string, hostname: string, lines: string): Promise<void> {
    const [proc, files] = [
      join(this.root, 'proc', String(pid)),
      join(this.root, 'disk/docker/containers', id),
    ];
    await Promise.all([proc, files].map((path) => mkdir(path, { recursive: true })));
    await writeFile(join(proc, 'cgroup'), `0::/system.slice/docker-${id}.scope\n`);
    const mount = `900 800 8:1 /docker/containers/${id}/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n`;
    await writeFile(join(proc, 'mountinfo'), `800 700 0:50 / / rw - overlay overlay rw\n${mount}`);
    await writeFile(join(files, 'hostname'), `${hostname}\n`);
    await writeFile(join(files, 'hosts'), `127.0.0.1\tlocalhost\n${lines}`);
  }

  async lines(id: string): Promise<string> {
    const hosts = await readFile(join(this.root, 'disk/docker/containers', id, 'hosts'), 'utf8');
    return hosts.replace('127.0.0.1\tlocalhost\n', '');
  }
}

describe("containers' hosts files", () => {
  let host: HostDirectory;
  let files: HostsFiles;

  beforeEach(async () => {
    host = new HostDirectory(await mkdtemp(join(tmpdir(), 'xnet-hosts-')));
    const view = { proc: join(host.root, 'proc'), process: 'self' as const, root: '' };
    const logger = createLogger({ level: 'error', format: 'pretty' });
    files = new HostsFiles(new ContainerDirectories(view), logger);
  });
  afterEach(() => rm(host.root, { recursive: true }));

  test('the container is found by its own line, whoever else has a line of the address', async () => {
    await host.boot();
    await host.start(100, FIRST, 'first', '::ffff:10.1.0.1\tfirst\n');
    await host.start(200, SECOND, 'second', '10.1.0.1\tfriend\n::ffff:10.1.0.2\tsecond\n');
    files.enter('e1', '/netns/1');
    await files.correct('e1', ['10.1.0.1']);
    expect(await host.lines(FIRST)).toBe(`10.1.0.1\tfirst${FILL}\n`);
    expect(await host.lines(SECOND)).toBe('10.1.0.1\tfriend\n::ffff:10.1.0.2\tsecond\n');

    await files.leave('e1', ['10.1.0.1']);
    expect(await host.lines(FIRST)).toBe('');
  });

  test.each([
    ['a file of gigabytes', (path: string) => truncate(path, 2 ** 34)],
    ['a pipe', (path: string) => replace(path, () => execFileSync('mkfifo', [path]))],
    ['a link to another file', (path: string) => replace(path, () => symlinkSync('../../other', path))],
  ])(
    '%s that a container has made of its own is left alone, and the others are found',
    async (_what, spoil) => {
      await host.boot();
      const other = join(host.root, 'disk/docker/other');
      await host.start(100, FIRST, 'first', '::ffff:10.1.0.1\tfirst\n');
      await host.start(200, SECOND, 'second', '');
      await writeFile(other, '::ffff:10.1.0.1\tsecond\n');
      for (const name of ['hosts', 'hostname']) {
        files.enter('e1', '/netns/1');
        await spoil(join(host.root, 'disk/docker/containers', SECOND, name));
        await files.correct('e1', ['10.1.0.1']);
        expect(await host.lines(FIRST)).toBe(`10.1.0.1\tfirst${FILL}\n`);
        await host.start(100, FIRST, 'first', '::ffff:10.1.0.1\tfirst\n');
        await files.leave('e1', ['10.1.0.1']);
      }
      expect(await readFile(other, 'utf8')).toBe('::ffff:10.1.0.1\tsecond\n');
      expect(files.problem).toBeUndefined();
    },
  );

  test('one of many that run, and of a process number that came round, is found too', async () => {
    await host.boot();
    for (let pid = 100; pid < 140; pid++)
      await host.start(pid, pid.toString(16).padStart(64, '0'), `c${pid}`, `10.2.0.${pid}\tc${pid}\n`);
    await host.start(9, THIRD, 'third', '');
    files.enter('e3', '/netns/3');
    await host.start(9, THIRD, 'third', '::ffff:10.1.0.3\tthird\n');
    await files.correct('e3', ['10.1.0.3']);
    // Docker waits for a second at most; to look at forty containers may take longer.
    await eventually(async () => expect(await host.lines(THIRD)).toBe(`10.1.0.3\tthird${FILL}\n`));
  });

  test('of containers that ran before this daemon they are put right, and are the container gone, nothing is', async () => {
    await host.boot();
    await host.start(100, FIRST, 'first', '::ffff:10.1.0.1\tfirst\n');
    files.enterRunning('e1', '/netns/1', FIRST);
    await eventually(async () => expect(await host.lines(FIRST)).toBe(`10.1.0.1\tfirst${FILL}\n`));
    await rm(join(host.root, 'disk/docker/containers', FIRST), { recursive: true });
    await files.leave('e1', ['10.1.0.1']);
    await files.correctOf(FIRST);
    expect(files.problem).toBeUndefined();
  });

  test("Docker's directory that cannot be seen is a problem, until it can", async () => {
    await host.boot({ mounted: false });
    await host.start(100, FIRST, 'first', '::ffff:10.1.0.1\tfirst\n');
    files.enter('e1', '/netns/1');
    await files.correct('e1', ['10.1.0.1']);
    expect(files.problem).toMatch(/do not find themselves by their own names: .*\/docker\/containers/);
    await host.boot();
    await files.correct('e1', ['10.1.0.1']);
    expect(files.problem).toBeUndefined();
    expect(await host.lines(FIRST)).toBe(`10.1.0.1\tfirst${FILL}\n`);
  });

  test('Docker that writes them readable has them left alone', async () => {
    await host.boot();
    await host.start(100, FIRST, 'first', '::ffff:10.1.0.1\tfirst\n');
    files.noteDockerVersion('29.1.0');
    files.enter('e1', '/netns/1');
    await files.correct('e1', ['10.1.0.1']);
    expect(await host.lines(FIRST)).toBe('::ffff:10.1.0.1\tfirst\n');
  });
});
