/** An xnet that a user installed on a host of a lab that boots systemd, and has none of the lab's own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import { run } from '../programs/command.js';
import { eventually } from '../time/eventually.js';
import type { Lab } from './lab.js';

export const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));

/** Some 15 s on a quiet machine; beside a load of 20 over five minutes were seen. */
const BUILD_MS = 900_000;

/**
 * Every file, but for what dpkg and journald note down of anything, and what the kernel and /run have of xnet. The leak
 * check looks for links.
 */
const LIST = String.raw`
  find / -xdev \( -path /root -o -path /var/log -o -path /var/lib/dpkg -o -path /var/cache \) -prune -o \( -not -type d -o -name '*xnet*' \) -print
  find /var/lib/xnet -mindepth 1; find /run -maxdepth 3 -name '*xnet*' -not -path '/run/lab/*'
  systemctl list-unit-files 'xnet*' --no-legend; nft list tables inet`;

export class Installed {
  private constructor(
    private readonly lab: Lab,
    readonly host: string,
    /** What the host had before. */
    private readonly before: string,
  ) {}

  /** To be called before the installation. */
  static async prepare(lab: Lab, host: string): Promise<Installed> {
    return new Installed(lab, host, await lab.in(host, 'sh', '-c', LIST));
  }

  /** Settings for this lab, taken over as the documentation says. */
  async configure(): Promise<void> {
    const settings = { store: `etcd://${await this.lab.ip('etcd1')}:2379`, logFormat: 'json' };
    await this.lab.in(
      this.host,
      'sh',
      '-c',
      'printf %s "$1" >/etc/xnet/xnet.json',
      'sh',
      JSON.stringify(settings),
    );
    await this.lab.in(this.host, 'systemctl', 'reload', 'xnet');
    await eventually(async () => expect(await this.status()).toContain('etcd'));
  }

  settings(): Promise<string> {
    return this.lab.in(this.host, 'cat', '/etc/xnet/xnet.json');
  }

  status(): Promise<string> {
    return this.lab.in(this.host, 'xnet', 'status');
  }

  /** Resolves when the daemon is ready and has this version. */
  async isReady(version: string): Promise<void> {
    await eventually(async () => expect(await this.status()).toContain(`, xnet ${version}\n`));
  }

  /** After the uninstallation, as docs/install.md says: until then the other hosts have the problem that it is silent. */
  async isForgottenBy(other: string): Promise<void> {
    await eventually(() => this.lab.in(other, 'xnet', 'host', 'rm', this.host));
  }

  /** What the host has that it did not have before the installation, and the other way round. */
  async changes(): Promise<string[]> {
    const now = (await this.lab.in(this.host, 'sh', '-c', LIST)).split('\n');
    const before = this.before.split('\n');
    return [
      ...now.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
      ...before.filter((line) => !now.includes(line)).map((line) => `- ${line}`),
    ];
  }
}

/** A directory of this machine for what is built; gone at the end. */
export class BuildDirectory implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async create(): Promise<BuildDirectory> {
    return new BuildDirectory(await mkdtemp(join(tmpdir(), 'xnet-build-')));
  }

  /** The Debian package of this checkout; its path. */
  async deb(version: string): Promise<string> {
    const build = [`${CHECKOUT}plugin/deb`, '--fast', '--node', process.execPath, '--version', version];
    return run([...build, this.path], { timeoutMs: BUILD_MS });
  }

  /** What `npm pack` makes, installed with `npm install -g` below this directory; its path. */
  async npmInstalled(): Promise<string> {
    const quiet = { timeoutMs: BUILD_MS };
    const pack = ['npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', this.path, CHECKOUT];
    const tarball = join(this.path, await run(pack, quiet));
    const options = ['--loglevel=error', '--no-audit', '--no-fund', '--prefer-offline'];
    await run(['npm', 'install', '-g', ...options, '--prefix', this.path, tarball], quiet);
    return join(this.path, 'lib/node_modules/xnet');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}

/** Copies a file or directory of this machine to `place` on a host. */
export async function copyToHost(lab: Lab, host: string, path: string, place: string): Promise<void> {
  await run(['cp', '-R', path, `/proc/${await lab.run(['pid', host])}/root${place}`]);
}
