/** etcd is backed up, and put back to that backup at a later step: nothing of what has been done since is lost. */
import { setTimeout as pause } from 'node:timers/promises';
import { pick } from '../../support/random.js';
import { hasFault, hasQuorum, isServing } from '../model.js';
import type { Kind } from '../operation.js';

/** A watch begins anew within 3 s of etcd's return, and 3 s later hosts do what a silent one has to do. */
const PUT_BACK_MS = 8_000;

const snapshot: Kind = {
  name: 'etcd-snapshot',
  weight: 2,
  draw(model, random) {
    if (!hasQuorum(model)) return undefined;
    const member = pick(
      random,
      model.members.filter((each) => !hasFault(model, each)),
    );
    return {
      kind: 'etcd-snapshot',
      text: `back up ${member}`,
      owns: ['faults', 'backup'],
      apply: (after) => {
        after.hasBackup = true;
      },
      perform: async ({ lab, backup }) => void (await lab.etcd('snapshot', member, backup)),
    };
  },
};

const restore: Kind = {
  name: 'etcd-restore',
  weight: 2,
  draw(model) {
    const isHeard = (host: string) => isServing(model, host) && !hasFault(model, host, 'parted');
    if (!model.hasBackup || !model.hosts.some(isHeard)) return undefined;
    return {
      kind: 'etcd-restore',
      text: 'restore etcd',
      // Alone in its step: what is asked of etcd just then may be refused.
      owns: ['faults', 'backup', ...model.hosts, ...model.hosts.map((host) => `xnet on ${host}`)],
      apply: (after) => {
        after.faults = after.faults.filter(({ kind }) => !kind.startsWith('member'));
      },
      perform: async ({ lab, backup }) => {
        await lab.etcd('restore', backup);
        await pause(PUT_BACK_MS);
      },
    };
  },
};

export const RESTORE_KINDS: readonly Kind[] = [snapshot, restore];
