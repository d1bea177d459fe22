/** MACs that users give, the same on two hosts. */
import { CommandError } from '../../support/programs/command.js';
import { pick } from '../../support/random.js';
import { isServing, type Model, mayRefuse, networksOn } from '../model.js';
import type { Kind, Operation } from '../operation.js';
import { MOST_CONTAINERS } from './containers.js';

const sameMac: Kind = {
  name: 'same-mac',
  weight: 3,
  draw(model, random) {
    const hosts = model.hosts.filter((host) => isServing(model, host) && !mayRefuse(model, host));
    if (hosts.length === 0 || model.containers.length >= MOST_CONTAINERS) return undefined;
    const [first, second] = [pick(random, hosts), pick(random, hosts)];
    const networks = networksOn(model, first).filter((name) => networksOn(model, second).includes(name));
    if (networks.length === 0) return undefined;
    return passOn(model.named + 1, pick(random, networks), first, second);
  },
};

/** A container on `first` has a MAC, another on `second` is refused it, and gets it when the former has gone. */
function passOn(number: number, network: string, first: string, second: string): Operation {
  const name = `c${number}`;
  const mac = `0e:00:00:00:${[number >> 8, number & 255].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
  const mayFail = (model: Model) => [first, second].some((host) => mayRefuse(model, host));
  return {
    kind: 'same-mac',
    text: `run ${name} on ${second} in ${network} with the MAC ${mac} of one that goes on ${first}`,
    owns: [name],
    uses: [first, second, network],
    mayFail,
    apply: (model, doubtful) => {
      model.named += 1;
      const known = { name, host: second, networks: [network], hasMac: true as const, comesBack: false };
      model.containers.push({ ...known, running: true, doubtful, settled: false });
    },
    perform: async ({ lab }) => {
      const run = (host: string, title: string) =>
        lab.docker(
          host,
          ...['run', '-d', '--name', title, '--stop-signal', 'KILL', '--network', network],
          ...['--mac-address', mac, 'tools', 'sleep', '1d'],
        );
      const remove = (host: string, title: string) => lab.docker(host, 'rm', '-f', title);
      try {
        await run(first, `${name}-first`);
        await isRefused(run(second, `${name}-refused`), mac);
      } finally {
        await Promise.all([remove(first, `${name}-first`), remove(second, `${name}-refused`)]);
      }
      await run(second, name);
    },
  };
}

/** For whatever reason: another operation may have stopped xnet. Throws when it was not. */
async function isRefused(started: Promise<string>, mac: string): Promise<void> {
  const refused = await started.then(
    () => false,
    (error: unknown) => error instanceof CommandError,
  );
  if (!refused) throw new Error(`two containers of one network have the MAC ${mac}`);
}

export const MAC_KINDS: readonly Kind[] = [sameMac];
