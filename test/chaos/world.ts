/** The lab that the operations act on: three Docker hosts, etcd of three members, so that one of them can be lost. */
import { Lab, type LabOptions } from '../support/lab/lab.js';

const OFFSET_FILE = '/run/lab/xnet-clock-offset';

/** Comes before the machine's node in the PATH of the host's services. */
const NODE_WITH_CLOCK = `#!/bin/sh
exec /usr/local/bin/node --import /opt/xnet/test/chaos/shifted-clock.mjs "$@"
`;

export class World implements AsyncDisposable {
  private constructor(readonly lab: Lab) {}

  static async up(topic: string, signal?: AbortSignal): Promise<World> {
    const lab = await labUntil(signal, topic, WORLD_OPTIONS);
    try {
      return await World.in(lab);
    } catch (error) {
      await lab.down();
      throw error;
    }
  }

  /** Gives every host's xnet a clock that can be shifted. */
  static async in(lab: Lab): Promise<World> {
    await Promise.all(
      lab.hosts.map(async (host) => {
        const script = 'printf %s "$1" >/usr/local/sbin/node; chmod +x /usr/local/sbin/node';
        await lab.in(host, 'sh', '-c', script, 'sh', NODE_WITH_CLOCK);
        await lab.xnet(host, 'restart');
      }),
    );
    return new World(lab);
  }

  /** Of etcd: a file of the machine, gone with the lab. */
  get backup(): string {
    return `${this.lab.logDirectory}/etcd-backup`;
  }

  get hosts(): readonly string[] {
    return this.lab.hosts;
  }

  get members(): readonly string[] {
    return Array.from({ length: this.lab.options.etcd ?? 1 }, (_, index) => `etcd${index + 1}`);
  }

  /** Until the next shift, or until the host boots again. */
  async shiftClock(host: string, offsetMs: number): Promise<void> {
    await this.lab.in(host, 'sh', '-c', `echo ${offsetMs} >${OFFSET_FILE}`);
  }

  /** The network's namespace, the same on all hosts. Any member of etcd that runs tells, also without a quorum. */
  async namespaceOf(network: string): Promise<string> {
    const key = `/xnet/names/${network}`;
    const id = await this.lab.etcd('ctl', 'get', '--consistency=s', '--print-value-only', key);
    if (id === '') throw new Error(`the store has no network ${network}`);
    return `xnet-${id}`;
  }

  /** The interface of the bridge that leads to the container. */
  async portOf(host: string, network: string, container: string): Promise<string> {
    const template = `{{(index .NetworkSettings.Networks "${network}").EndpointID}}`;
    const endpoint = await this.lab.docker(host, 'inspect', '-f', template, container);
    return `xc${endpoint.slice(0, 12)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.down();
  }
}

const WORLD_OPTIONS = { hosts: 3, etcd: 3, engine: '28' } as const;

/** A lab that is taken down as soon as the signal is given: whatever uses it fails then. */
export async function labUntil(
  signal: AbortSignal | undefined,
  topic: string,
  options: LabOptions,
): Promise<Lab> {
  signal?.throwIfAborted();
  const lab = await Lab.up(topic, options);
  signal?.addEventListener('abort', () => void lab.down());
  if (signal?.aborted) await lab.down();
  signal?.throwIfAborted();
  return lab;
}
