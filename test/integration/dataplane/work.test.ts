/** What each verb costs: the programs that it starts, and the lines that standing ones are given. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { remotesOf, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { run } from '../../support/programs/command.js';

const PROGRAMS = ['ip', 'bridge', 'nft', 'nsenter'];

/** While it is there, each start of a program that the data plane uses is written down, and each line of its input. */
class Recorder implements AsyncDisposable {
  readonly #path = process.env.PATH;

  private constructor(private readonly directory: string) {}

  static async start(): Promise<Recorder> {
    const directory = await mkdtemp(join(tmpdir(), 'xnet-test-'));
    await writeFile(join(directory, 'log'), '');
    for (const program of PROGRAMS) {
      const real = await run(['sh', '-c', `command -v ${program}`]);
      const log = `${directory}/log`;
      // A line is written down before it is passed on, so before anybody can wait for its effect.
      const script = `echo "+ ${program} $*" >>${log}
        note() { while IFS= read -r line; do printf '%s\\n' "$line" >>${log}; printf '%s\\n' "$line"; done; }
        case "$*" in *-batch*|*"-f -"*) note | ${real} "$@";; *) exec ${real} "$@";; esac`;
      await writeFile(join(directory, program), `#!/bin/sh\n${script}\n`);
      await chmod(join(directory, program), 0o755);
    }
    process.env.PATH = `${directory}:${process.env.PATH}`;
    return new Recorder(directory);
  }

  /** What `work` had done: a line beginning with + for each program. */
  async during(work: () => Promise<unknown>): Promise<string[]> {
    await writeFile(join(this.directory, 'log'), '');
    await work();
    const lines = (await readFile(join(this.directory, 'log'), 'utf8')).split('\n');
    // With "xnet" a standing program is asked whether it is done (standing-program.ts).
    return lines.filter((line) => line !== '' && line !== 'xnet');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.env.PATH = this.#path;
    await rm(this.directory, { recursive: true });
  }
}

/** [what is asked for, how many programs are started for it, how many lines are given to them and to standing ones] */
type Cost = readonly [what: string, programs: number, lines: number];

test('a call costs the programs and lines that its change needs, and none where nothing changed', async () => {
  await using underlay = await TestUnderlay.create(1);
  const host = underlay.hosts[0]!;
  const { dataplane } = host;
  await dataplane.findUnderlay();
  const network = underlay.network(host, 'shop');
  const remote = (n: number) => ({
    ...{ mac: `02:00:00:00:09:0${n}`, addresses: [`10.1.9.${n}`] },
    vtep: `10.99.0.${n + 10}`,
  });
  const forward = (...numbers: number[]) =>
    dataplane.setForwarding(network.id, remotesOf(numbers.map(remote)));
  const change = (changed: string, ...numbers: number[]) =>
    dataplane.setForwarding(network.id, remotesOf(numbers.map(remote)), new Set([changed]));
  const endpoints = ['1', '2'].map((digit) => ({ id: digit.repeat(64), mac: `02:00:00:00:00:0${digit}` }));
  const [first, second] = endpoints;
  const local = endpoints.map((endpoint) => ({ ...endpoint, interfaceAddresses: [] }));
  await using recorder = await Recorder.start();
  const costs: Cost[] = [];
  const ask = async (what: string, work: () => Promise<unknown>) => {
    const done = await recorder.during(work);
    const programs = done.filter((line) => line.startsWith('+ ')).length;
    costs.push([what, programs, done.length - programs]);
  };
  await ask('a network', () => dataplane.ensureNetwork(network));
  await ask('a remote', () => forward(1));
  await ask('an endpoint', () => dataplane.ensureEndpoint(network, first!));
  await ask('another', () => dataplane.ensureEndpoint(network, second!));
  await ask('the same', () => dataplane.ensureEndpoint(network, second!));
  await ask('one more remote', () => forward(1, 2));
  await ask('the same remotes', () => forward(1, 2));
  await ask('a third, when the ids that changed are given', () => change('endpoint 2', 1, 2, 3));
  await ask('no third', () => change('endpoint 2', 1, 2));
  await ask('one less', () => forward(2));
  await ask('a look', () => dataplane.repairNetwork(network.id, () => local));
  await ask('the same remotes, after the look', () => forward(2));
  await ask('an endpoint less', () => dataplane.removeEndpoint(network.id, second!.id));
  await ask('the same network', () => dataplane.ensureNetwork(network));
  await ask('no network', () => dataplane.removeNetwork(network.id));
  expect(costs).toEqual([
    // Two of them in the host's namespace, for the VXLAN device and for the number of the new one.
    ['a network', 5, 8],
    // What was there before is not known yet, and is listed without a program.
    ['a remote', 1, 3],
    ['an endpoint', 0, 4],
    ['another', 0, 4],
    ['the same', 0, 0],
    ['one more remote', 0, 3],
    ['the same remotes', 0, 0],
    ['a third, when the ids that changed are given', 0, 3],
    ['no third', 0, 4],
    ['one less', 0, 4],
    ['a look', 0, 0],
    ['the same remotes, after the look', 0, 0],
    ['an endpoint less', 1, 2],
    ['the same network', 1, 1],
    ['no network', 1, 3],
  ]);
}, 60_000);
