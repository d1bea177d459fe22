/** The hop at which policies and isolation judge a packet, in networks that have some. Pure. */
import type { Path } from '../path-parts.js';
import { doesNotApply, fault, type Hop, type Judge, ok, type Side } from '../trace.js';

/** As the policies of the cluster say it, where both hosts have them in force. */
export const judgePolicy: Judge = (_here, _there, { policy, from, to }) => {
  const expected = `${from.label} may reach ${to.label}`;
  if (!policy) return doesNotApply(expected, 'the network has no policy, and is not isolated');
  const { verdict, why, remedy = '' } = policy;
  const [first, ...others] = [...new Map([from, to].flatMap(notInForce))];
  if (first) {
    const places = [first, ...others].map(([host, reason]) => `not in force on ${host}: ${reason}`);
    return fault(
      expected,
      `${why}; ${places.join('; ')}`,
      `xnet status   # on ${first[0]}: its xnet tries again`,
    );
  }
  return verdict === 'denied' ? fault(expected, why, remedy) : ok(expected, why);
};

/** Nothing of a host that does not answer, or has an older xnet. */
function notInForce({ host, facts }: Side): [string, string][] {
  const part = 'refusal' in facts ? undefined : facts.policy;
  const whyNot = part && 'found' in part ? part.found.whyNot : undefined;
  return whyNot === undefined ? [] : [[host.name, whyNot]];
}

const HOP: Hop = { name: 'policy', at: 'from', judge: judgePolicy };

/** Frames are judged behind the sender's bridge; where there is none, behind its container. */
const BEFORE = ['own firewall', 'bridge'];

export function withPolicy({ hops, points }: Path): Path {
  const place = hops.findLastIndex(({ name, at }) => at === 'from' && BEFORE.includes(name)) + 1;
  return { hops: [...hops.slice(0, place), HOP, ...hops.slice(place)], points };
}
