/** A host that is measured: the real daemon in namespaces of its own, on one wire with etcd, and a Docker that is none. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { TestDaemon } from '../../../test/support/daemon/daemon.js';
import { run } from '../../../test/support/programs/command.js';
import { eventually } from '../../../test/support/time/eventually.js';
import type { PlannedHost, PlannedNetwork } from '../cluster/records.js';
import { AWAY } from '../faults.js';
import { RigDocker } from './docker.js';

/** What a run's daemon is, and how it is watched. */
export interface Contestant {
  /** `this tree`, or a commit. */
  readonly name: string;
  readonly program: string;
}

export interface Place {
  /** host:port of etcd. */
  readonly store: string;
  /** Default route, in the cluster's underlay. */
  readonly gateway: string;
  /** Profiles of the daemon are written there. */
  readonly profiles?: string | undefined;
  readonly readyMs: number;
  /** Rejects when a daemon is to be given up before that. */
  readonly check: () => Promise<void>;
}

const LOOK_MS = 100;
const PROBE = resolve('bench/scale-rig/host/daemon-probe.mjs');

export class MeasuredHost implements AsyncDisposable {
  /** Of the log: those of earlier daemons. */
  #linesBefore = 0;

  private constructor(
    readonly host: PlannedHost,
    readonly daemon: TestDaemon,
    readonly docker: RigDocker,
    private readonly directory: string,
    private readonly place: Place,
    /** When the daemon that runs now was started, by the machine's clock. */
    private startedAt: number,
  ) {}

  /** Resolves when the daemon answers Docker, which may be long before it is ready. */
  static async start(
    contestant: Contestant,
    host: PlannedHost,
    networks: readonly PlannedNetwork[],
    place: Place,
  ): Promise<MeasuredHost> {
    const directory = await mkdtemp(join(tmpdir(), 'xnet-rig-'));
    await mkdir(join(directory, 'state'));
    await mkdir(join(directory, 'probe'));
    await writeFile(join(directory, 'state/host-id'), `${host.id}\n`);
    const docker = await RigDocker.start(join(directory, 'docker.sock'), host, networks);
    const environment = {
      NODE_OPTIONS: `--import=${PROBE}`,
      RIG_PROBE_DIR: place.profiles ?? join(directory, 'probe'),
      ...(place.profiles !== undefined && { RIG_PROBE_PROFILE: '1' }),
    };
    let startedAt = 0;
    const plug = async (namespace: string) => {
      await plugIn(namespace, host, place);
      startedAt = Date.now();
    };
    const args = argumentsOf(directory, place);
    const daemon = await TestDaemon.start(args, environment, plug, contestant.program);
    return new MeasuredHost(host, daemon, docker, directory, place, startedAt);
  }

  /** Resolves when the daemon is ready, to how long that took, in ms. Rejects when it takes too long. */
  async ready(): Promise<number> {
    const { readyMs, check } = this.place;
    for (;;) {
      const lines = (await this.daemon.log()).slice(this.#linesBefore);
      const ready = lines.find(({ message }) => message === 'ready');
      if (ready) return Date.parse(`${ready.timestamp}`) - this.startedAt;
      await check();
      if (Date.now() - this.startedAt > readyMs) throw notReadyError(this.host, readyMs, lines.at(-1));
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }

  /** Another daemon takes over, by what is on disk. */
  async restart(): Promise<void> {
    await this.daemon.stop();
    this.#linesBefore = (await this.daemon.log()).length;
    this.startedAt = Date.now();
    await this.daemon.restart(argumentsOf(this.directory, this.place));
  }

  /** The path on this machine of what the network has here. */
  namespaceOf({ id }: PlannedNetwork): string {
    return this.daemon.namespacePath(`xnet-${id}`);
  }

  /** The longest delay of the daemon's event loop, in ms, since the probe began; it ends there. */
  async endProbe(): Promise<number> {
    const file = join(this.place.profiles ?? join(this.directory, 'probe'), 'loop.json');
    await rm(file, { force: true });
    this.signalProbe();
    let text = '';
    await eventually(
      'the probe has written',
      async () => {
        text = await readFile(file, 'utf8');
        return text.endsWith('}');
      },
      60_000,
    );
    return JSON.parse(text).maxMs;
  }

  /** It begins anew. */
  signalProbe(): void {
    if (this.daemon.daemonPid !== undefined) process.kill(this.daemon.daemonPid, 'SIGUSR2');
  }

  /** How often the daemon, or one before it, took etcd for away. */
  async countAbsences(): Promise<number> {
    return (await this.daemon.log()).filter(({ message }) => message === AWAY).length;
  }

  async stateBytes(): Promise<number> {
    return Number((await run(['du', '-sB1', join(this.directory, 'state')])).split('\t')[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await this.docker[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true, force: true });
  }
}

function notReadyError({ name }: PlannedHost, ms: number, last: object | undefined): Error {
  return new Error(`${name} is not ready after ${ms} ms; its log ends with ${JSON.stringify(last)}`);
}

function argumentsOf(directory: string, { store }: Place): string[] {
  return [
    ...['--store', `etcd://${store}`, '--docker-host', `unix://${directory}/docker.sock`],
    ...['--state-dir', `${directory}/state`],
  ];
}

/** Into the bridge `wire` of this process's own namespace. */
async function plugIn(namespace: string, { name, vtep }: PlannedHost, { gateway }: Place): Promise<void> {
  const inside = (words: string) => run(['ip', '-n', namespace, ...words.split(' ')]);
  await inside('link set lo up');
  await inside(`link add eth0 type veth peer name ${name} netns ${process.pid}`);
  await run(['ip', 'link', 'set', name, 'master', 'wire', 'up']);
  await inside(`addr add ${vtep}/32 dev eth0`);
  await inside('link set eth0 up');
  await inside(`route add default via ${gateway} dev eth0 onlink`);
}
