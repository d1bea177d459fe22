/** A machine that is started with another's identity, as a virtual machine that was cloned is. */
import type { Lab } from './lab.js';

const STATE = '/var/lib/xnet';
const EMPTY = `find ${STATE} -mindepth 1 -delete`;

export class CopiedHost implements AsyncDisposable {
  private constructor(
    private readonly lab: Lab,
    readonly host: string,
  ) {}

  /** xnet on `host` starts with the state directory of `original` and, with `named`, under its host name. */
  static async start(lab: Lab, host: string, original: string, { named = true } = {}): Promise<CopiedHost> {
    const copied = await lab.in(original, 'sh', '-c', `cd ${STATE} && tar -czf - . | base64 -w 0`);
    await lab.xnet(host, 'stop');
    await lab.in(host, 'sh', '-c', `cp -a ${STATE} ${STATE}.own && ${EMPTY}`);
    await lab.in(host, 'sh', '-c', `echo ${copied.trim()} | base64 -d | tar -xzf - -C ${STATE}`);
    if (named) await lab.in(host, 'hostname', original);
    const copy = new CopiedHost(lab, host);
    await lab.xnet(host, 'start');
    return copy;
  }

  /** What the machine is told to do: it becomes a host of its own. */
  async makeNew(): Promise<void> {
    await this.lab.xnet(this.host, 'stop');
    await this.lab.in(this.host, 'sh', '-c', EMPTY);
    await this.lab.xnet(this.host, 'start');
  }

  /** It is what it was before. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.xnet(this.host, 'stop');
    await this.lab.in(
      this.host,
      'sh',
      '-c',
      `${EMPTY} && cp -a ${STATE}.own/. ${STATE} && rm -r ${STATE}.own`,
    );
    await this.lab.in(this.host, 'hostname', this.host);
    await this.lab.xnet(this.host, 'start');
  }
}
