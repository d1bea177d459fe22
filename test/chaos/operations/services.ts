/** Programs of a host that crash, are stopped or replaced, and the host itself. */
import { pick } from '../../support/random.js';
import { dockerReturns } from '../faults.js';
import { hasFault, isServing, type Model, takesFault } from '../model.js';
import type { Kind } from '../operation.js';

/** What passes by itself, and what every call of Docker outlives: containers come and go meanwhile. */
function passing(action: 'crash' | 'restart' | 'upgrade'): Kind {
  return {
    name: `xnet-${action}`,
    weight: 2,
    draw(model, random) {
      const hosts = model.hosts.filter((host) => !hasFault(model, host, 'xnet down'));
      if (hosts.length === 0) return undefined;
      const host = pick(random, hosts);
      return {
        kind: `xnet-${action}`,
        text: `${action} xnet on ${host}`,
        owns: [`xnet on ${host}`],
        uses: [host],
        apply: () => undefined,
        perform: async ({ lab }) => void (await lab.xnet(host, action)),
      };
    },
  };
}

const xnetKill: Kind = {
  name: 'xnet-kill',
  weight: 2,
  draw(model, random) {
    const hosts = model.hosts.filter((host) => !hasFault(model, host, 'xnet down'));
    if (hosts.length === 0 || !takesFault(model)) return undefined;
    const host = pick(random, hosts);
    return {
      kind: 'xnet-kill',
      text: `kill xnet on ${host}`,
      owns: [host, `xnet on ${host}`],
      apply: (after) => void after.faults.push({ kind: 'xnet down', subject: host }),
      perform: async ({ lab }) => void (await lab.xnet(host, 'kill')),
    };
  },
};

const dockerdKill: Kind = {
  name: 'dockerd-kill',
  weight: 2,
  draw(model, random) {
    const hosts = model.hosts.filter((host) => isServing(model, host));
    if (hosts.length === 0 || !takesFault(model)) return undefined;
    const host = pick(random, hosts);
    const liveRestore = random() < 0.5;
    return {
      kind: 'dockerd-kill',
      text: `kill dockerd on ${host}`,
      owns: [host],
      apply: (after) => void after.faults.push({ kind: 'dockerd down', subject: host, liveRestore }),
      perform: async ({ lab }) => void (await lab.dockerd(host, 'kill')),
    };
  },
};

const reboot: Kind = {
  name: 'reboot',
  weight: 1,
  draw(model, random) {
    const hosts = model.hosts.filter((host) => !hasFault(model, host));
    if (hosts.length === 0) return undefined;
    const host = pick(random, hosts);
    return {
      kind: 'reboot',
      text: `reboot ${host}`,
      owns: [host, `xnet on ${host}`, `cable of ${host}`],
      apply: (after: Model) => dockerReturns(after, host),
      perform: async ({ lab }) => void (await lab.run(['reboot', host])),
    };
  },
};

export const SERVICE_KINDS: readonly Kind[] = [
  passing('crash'),
  passing('restart'),
  passing('upgrade'),
  xnetKill,
  dockerdKill,
  reboot,
];
