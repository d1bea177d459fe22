/** etcd's members and the hosts' cables. */
import { pick } from '../../support/random.js';
import { canBeHealed, healFault } from '../faults.js';
import { type Fault, hasFault, hasQuorum, takesFault } from '../model.js';
import type { Kind, Operation } from '../operation.js';
import type { World } from '../world.js';

/** How often the second member may go, when the cluster stands still with it. */
const QUORUM_LOST = 0.3;

function memberKind(name: string, fault: Fault['kind'], action: 'kill' | 'freeze'): Kind {
  return {
    name,
    weight: 2,
    draw(model, random) {
      const members = model.members.filter((member) => !hasFault(model, member));
      const isLost = !hasQuorum(model, 1);
      if (members.length === 0 || !takesFault(model) || (isLost && random() >= QUORUM_LOST)) return undefined;
      const member = pick(random, members);
      const perform = ({ lab }: World) => lab.etcd(action, member);
      return open(name, `${action} ${member}`, { kind: fault, subject: member }, perform);
    },
  };
}

const partition: Kind = {
  name: 'partition',
  weight: 2,
  draw(model, random) {
    if (!takesFault(model) || model.faults.some(({ kind }) => kind === 'parted')) return undefined;
    const host = pick(random, model.hosts);
    const options = random() < 0.5 ? ['--silent'] : [];
    const text = ['partition', host, ...options].join(' ');
    const perform = ({ lab }: World) => lab.run(['partition', host, ...options]);
    return open('partition', text, { kind: 'parted', subject: host }, perform);
  },
};

function open(
  kind: string,
  text: string,
  fault: Fault,
  perform: (world: World) => Promise<unknown>,
): Operation {
  return {
    kind,
    text,
    owns: ['faults'],
    uses: [`cable of ${fault.subject}`],
    apply: (model) => void model.faults.push(fault),
    perform: async (world) => void (await perform(world)),
  };
}

const heal: Kind = {
  name: 'heal',
  weight: 5,
  draw(model, random) {
    const faults = model.faults.filter((fault) => canBeHealed(model, fault));
    return faults.length > 0 ? healFault(pick(random, faults)) : undefined;
  },
};

export const OUTAGE_KINDS: readonly Kind[] = [
  memberKind('etcd-kill', 'member down', 'kill'),
  memberKind('etcd-freeze', 'member frozen', 'freeze'),
  partition,
  heal,
];
