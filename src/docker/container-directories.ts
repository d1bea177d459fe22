/**
 * Where Docker keeps the files of a container (its directory, as this process sees it), found in the kernel: Docker cannot be
 * asked while it waits for xnet's answer, nor before it has started the containers of a boot.
 *
 * Of other processes only files are read that everybody may read (proc(5): cgroup, mountinfo), so no capability is needed.
 */
import { access, readdir, readFile } from 'node:fs/promises';

export interface ContainerDirectory {
  readonly containerId: string;
  readonly path: string;
}

/** How this process sees the host. */
export interface HostView {
  /** The host's /proc. */
  readonly proc: string;
  /** In `proc`, a process with the host's mounts. */
  readonly process: 'self' | '1';
  /** The host's root directory. */
  readonly root: string;
}

export const ON_THE_HOST: HostView = { proc: '/proc', process: 'self', root: '' };
/** config.json mounts it. The host's first process has its whole file system (needs CAP_SYS_PTRACE). */
export const IN_A_PLUGIN: HostView = { proc: '/host/proc', process: '1', root: '/host/proc/1/root' };

const CONTAINER_ID = /[0-9a-f]{64}/;
/** proc_pid_mountinfo(5): mount id, parent, device, directory within the device's file system, mount point. */
const HOSTS_MOUNT = /^\d+ \d+ (\d+:\d+) (\S*\/containers)\/([0-9a-f]{64})\/hosts \S+\/hosts /m;
/** Processes that are looked at side by side. Not synchronously: the kernel has both files wait for mounts and control groups. */
const AT_ONCE = 8;

export class ContainerDirectories {
  /** Docker's directories of all containers, by device and directory within it. */
  readonly #parents = new Map<string, string>();

  constructor(private readonly host: HostView) {}

  /**
   * Of running containers, and of those that Docker is about to start; the youngest process first. Not of a container with a
   * hosts file of its user's. Of at most so many processes. Throws when Docker's directory cannot be seen from here.
   */
  async *listYoungestFirst(processes = Number.POSITIVE_INFINITY): AsyncIterable<ContainerDirectory> {
    const seen = new Set<string>();
    const pids = (await this.#listProcesses()).slice(0, processes);
    for (let first = 0; first < pids.length; first += AT_ONCE) {
      const batch = pids.slice(first, first + AT_ONCE);
      for (const mount of await Promise.all(batch.map((pid) => this.#hostsMount(pid)))) {
        if (!mount || seen.has(mount.containerId)) continue;
        seen.add(mount.containerId);
        const { device, directory, containerId } = mount;
        yield { containerId, path: `${await this.#parentOf(device, directory)}/${containerId}` };
      }
    }
  }

  /** The container runs. Undefined: it has ended, or has a hosts file of its user's. */
  async find(containerId: string): Promise<string | undefined> {
    for (const parent of this.#parents.values()) {
      const path = `${parent}/${containerId}`;
      if (await exists(path)) return path;
    }
    for await (const each of this.listYoungestFirst()) if (each.containerId === containerId) return each.path;
    return undefined;
  }

  async #listProcesses(): Promise<number[]> {
    const names = await readdir(this.host.proc);
    return names
      .map(Number)
      .filter(Number.isInteger)
      .sort((a, b) => b - a);
  }

  async #hostsMount(pid: number) {
    // Mounts of the host's own processes are many; their control group names no container.
    if (!CONTAINER_ID.test(await this.#read(pid, 'cgroup'))) return undefined;
    const match = HOSTS_MOUNT.exec(await this.#read(pid, 'mountinfo'));
    if (!match) return undefined;
    const [, device = '', directory = '', containerId = ''] = match;
    return { device, directory: unescaped(directory), containerId };
  }

  /** Empty when the process has ended. */
  async #read(pid: number, file: string): Promise<string> {
    return readFile(`${this.host.proc}/${pid}/${file}`, 'utf8').catch(() => '');
  }

  async #parentOf(device: string, directory: string): Promise<string> {
    const key = `${device} ${directory}`;
    const known = this.#parents.get(key);
    if (known !== undefined) return known;
    const { proc, process, root } = this.host;
    const mounts = await readFile(`${proc}/${process}/mountinfo`, 'utf8');
    const path = visiblePath(mounts, device, directory);
    if (path === undefined) throw new Error(`${directory} of device ${device} is mounted nowhere`);
    const parent = `${root}${path}`;
    await access(parent);
    this.#parents.set(key, parent);
    return parent;
  }
}

/** The path of a directory of a device's file system, where the mounts show it; the last mount covers those before. */
export function visiblePath(mountinfo: string, device: string, directory: string): string | undefined {
  return mountinfo
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([, , of, top = '', point = '']) => {
      const [base, at] = [unescaped(top), unescaped(point)].map((path) => (path === '/' ? '' : path));
      const shown = of === device && (directory === base || directory.startsWith(`${base}/`));
      return shown && base !== undefined ? [`${at}${directory.slice(base.length)}`] : [];
    })
    .at(-1);
}

/** A space is \040 there. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
