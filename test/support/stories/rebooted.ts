/** A host with containers that Docker starts again at every boot, and a container elsewhere that talks to them. */
import { expect } from '@jest/globals';
import {
  type Container,
  createMirroredNetwork,
  GREETING_PORT,
  runContainer,
} from '../containers/containers.js';
import type { Lab } from '../lab/lab.js';
import { eventually } from '../time/eventually.js';
import { Greeter } from '../traffic/greetings.js';

const COUNT = 4;
const FIRST_PORT = 8101;

export class RestartingHost {
  private constructor(
    readonly lab: Lab,
    readonly host: string,
    readonly members: readonly Container[],
    readonly far: Container,
  ) {}

  /** On h1, in two networks, each with a published port; xnet runs by its units there. */
  static async prepare(lab: Lab): Promise<RestartingHost> {
    const host = 'h1';
    await lab.run(['xnet', host, 'units']);
    for (const network of ['front', 'back']) await createMirroredNetwork(lab, network);
    const members: Container[] = [];
    while (members.length < COUNT) {
      const port = `${FIRST_PORT + members.length}:${GREETING_PORT}`;
      const options = ['--restart', 'always', '-p', port, '--network', 'back'];
      members.push(await runContainer(lab, host, 'front', { name: `m${members.length + 1}`, options }));
    }
    const far = await runContainer(lab, 'h2', 'front', { name: 'far', options: ['--network', 'back'] });
    const prepared = new RestartingHost(lab, host, members, far);
    await (await prepared.look()).all();
    return prepared;
  }

  async reboot(): Promise<void> {
    await this.lab.run(['reboot', this.host]);
  }

  /** The containers as they run now. */
  async look() {
    const [near, far] = await Promise.all([Greeter.all(this.members), Greeter.all([this.far])]);
    const local = () => ungreeted(near, near);
    const across = async () => [...(await ungreeted(far, near)), ...(await ungreeted(near, far))];
    return {
      /** Resolves when all find and reach each other on their host. */
      local: (timeoutMs?: number) => eventually(async () => expect(await local()).toEqual([]), timeoutMs),
      /** The same across hosts, and by the published ports. */
      across: async (timeoutMs?: number) => {
        const reached = eventually(async () => expect(await across()).toEqual([]), timeoutMs);
        const published = eventually(() => this.#expectPorts(), timeoutMs);
        await Promise.all([reached, published]);
      },
      all: async (timeoutMs?: number) => {
        await eventually(
          async () => expect([...(await local()), ...(await across())]).toEqual([]),
          timeoutMs,
        );
        await this.#expectPorts();
      },
    };
  }

  async #expectPorts(): Promise<void> {
    const address = await this.lab.ip(this.host);
    const script = 'for port in $2; do socat -T 2 -u "TCP:$1:$port,connect-timeout=2" -; done';
    const ports = this.members.map((_, index) => FIRST_PORT + index).join(' ');
    const said = await this.lab.in('h2', 'sh', '-c', script, 'sh', address, ports);
    expect(said.split('\n')).toEqual(this.members.map(({ name }) => name));
  }

  /** xnet runs as in all other tests again. */
  static async end(lab: Lab): Promise<void> {
    await lab.run(['xnet', 'h1', 'units', 'off']);
    await lab.xnet('h1', 'start');
  }
}

async function ungreeted(
  from: readonly Greeter[],
  to: readonly { readonly name: string }[],
): Promise<string[]> {
  const lists = await Promise.all(
    from.map((each) => each.ungreeted(to.filter(({ name }) => name !== each.name))),
  );
  return lists.flat();
}
