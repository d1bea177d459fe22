/**
 * Finds etcd and etcdctl: on PATH, else in the lab's cache, else unpacks Debian's packages there (without
 * installing them: that would start a service). Safe when several processes do it at once.
 */
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from '../programs/command.js';

export interface EtcdBinaries {
  readonly etcd: string;
  readonly etcdctl: string;
}

export async function findEtcd(): Promise<EtcdBinaries> {
  const cache = join(process.env.XNET_LAB_CACHE ?? '/var/cache/xnet-lab', 'etcd');
  const unpacked = join(cache, 'usr/bin');
  const directories = [...(process.env.PATH ?? '').split(delimiter), unpacked];
  const found = await findIn(directories);
  if (found) return found;
  await unpackDebianPackages(cache);
  const fetched = await findIn([unpacked]);
  if (!fetched) throw new Error(`no etcd in ${unpacked} after unpacking the Debian packages`);
  return fetched;
}

async function findIn(directories: string[]): Promise<EtcdBinaries | undefined> {
  for (const directory of directories.filter((path) => path !== '')) {
    const binaries = { etcd: join(directory, 'etcd'), etcdctl: join(directory, 'etcdctl') };
    const runnable = Object.values(binaries).map((path) => access(path, constants.X_OK));
    if ((await Promise.allSettled(runnable)).every(({ status }) => status === 'fulfilled')) return binaries;
  }
  return undefined;
}

async function unpackDebianPackages(cache: string): Promise<void> {
  await mkdir(join(cache, '..'), { recursive: true });
  const fresh = await mkdtemp(`${cache}-`);
  const at = { directory: fresh };
  try {
    // As root, apt-get drops to _apt for downloads, which may not write into our directory.
    const download = () =>
      run(['apt-get', '-o', 'APT::Sandbox::User=root', 'download', 'etcd-server', 'etcd-client'], at);
    await download().catch(async () => {
      await run(['apt-get', 'update']);
      await download();
    });
    await run(['sh', '-c', 'for package in *.deb; do dpkg -x "$package" . && rm "$package"; done'], at);
    // Whoever comes second finds the directory taken, by the same files.
    await rename(fresh, cache).catch(() => undefined);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
