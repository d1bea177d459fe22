/** Many containers on one host. */
import { expect } from '@jest/globals';
import type { Lab } from '../lab/lab.js';
import { eventually } from '../time/eventually.js';
import type { Container } from './containers.js';

/** A container as Docker shows it. */
export interface Member {
  readonly name: string;
  readonly address: string;
  readonly running: boolean;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endpoint: string;
}

/** Prints the names, of those given as `name=address`, that are not found at that address, or not reached there. */
const UNREACHED = `
  for each in "$@"; do
    name=\${each%=*}
    [ "$(dig +short +tries=1 +time=2 "$name")" = "\${each#*=}" ] && ping -q -c 1 -w 3 -i 0.2 "$name" >/dev/null || echo "$name"
  done`;

export class Squad {
  private constructor(
    readonly lab: Lab,
    readonly host: string,
    readonly network: string,
    readonly names: readonly string[],
  ) {}

  /** Resolves when all run. */
  static async start(lab: Lab, host: string, network: string, count: number): Promise<Squad> {
    const names = Array.from({ length: count }, (_, index) => `s${index + 1}`);
    const run = ['docker', 'run', '-d', '--stop-signal', 'KILL', '--network', network];
    const script =
      'names=$1; shift; printf "%s\\n" $names | xargs -P 4 -I NAME "$@" --name NAME tools sleep 1d';
    await lab.in(host, 'sh', '-c', script, 'sh', names.join(' '), ...run);
    return new Squad(lab, host, network, names);
  }

  /** In the order of their names' numbers. */
  async read(): Promise<Member[]> {
    const endpoint = `{{with index .NetworkSettings.Networks "${this.network}"}}{{.IPAddress}} {{.EndpointID}}{{end}}`;
    const format = `{{.Name}} {{.State.Running}} {{.State.StartedAt}} ${endpoint}`;
    const lines = await this.lab.docker(this.host, 'inspect', '-f', format, ...this.names);
    return lines.split('\n').map((line) => {
      const [name = '', running, startedAt = '', address = '', endpoint = ''] = line.trim().split(' ');
      return { name: name.slice(1), address, running: running === 'true', startedAt, endpoint };
    });
  }

  /** Starts all again; throws when one of them runs. */
  async startAgain(): Promise<void> {
    expect((await this.read()).filter(({ running }) => running)).toEqual([]);
    await this.lab.docker(this.host, 'start', ...this.names);
  }

  /** Resolves when `witness` finds and reaches every one by its name, and the first one finds all others and the witness. */
  async expectAllRight(witness: Container): Promise<void> {
    const members = await this.read();
    expect(new Set(members.map(({ address }) => address)).size).toBe(this.names.length);
    const [first = '', ...others] = members.map(({ name, address }) => `${name}=${address}`);
    const witnessed = `${witness.name}=${await witness.address()}`;
    await eventually(async () => expect(await this.#unreached(witness, [first, ...others])).toBe(''));
    const [name = ''] = this.names;
    await eventually(async () =>
      expect(await this.#unreached({ host: this.host, name }, [witnessed, ...others])).toBe(''),
    );
  }

  #unreached({ host, name }: { host: string; name: string }, pairs: readonly string[]): Promise<string> {
    return this.lab.docker(host, 'exec', name, 'sh', '-c', UNREACHED, 'sh', ...pairs);
  }
}
