/** What is wrong with the paths of this host, each with the remedy. Pure. */
import { smallerNetworks } from '../../inet/mtu-remedies.js';
import { shellWord } from '../../shell-word.js';
import type { PathState } from './followed-path.js';
import { type NarrowPath, narrowingOf, narrowProblem, type OwnUnderlay } from './narrow-path.js';

/** A path and the host that it leads to. */
export interface NamedPath {
  readonly name: string;
  readonly vtep: string;
  readonly state: PathState;
}

export interface OwnPlace extends OwnUnderlay {
  readonly vxlanPort: number;
}

/** More of one kind become one problem: with a cable pulled, every host would be one. */
const MOST_SINGLE = 3;
/** Of those that one problem names. */
const MOST_NAMES = 5;

export function pathProblems(own: OwnPlace, paths: readonly NamedPath[]): string[] {
  const of = (verdict: PathState['verdict']) => paths.filter(({ state }) => state.verdict === verdict);
  const [lost, narrow] = [of('lost'), of('narrow')];
  return [
    ...(lost.length > MOST_SINGLE
      ? [manyLost(own, lost)]
      : lost.map((path) => `${lostText(path)}; ${lostRemedy(own, path)}`)),
    ...(narrow.length > MOST_SINGLE
      ? [manyNarrow(own, narrow)]
      : narrow.map(narrowOf).map((path) => narrowProblem(own, path))),
  ];
}

/** What is known of a lost path. */
export function lostText({ name, vtep, state: { since, isIncoming } }: NamedPath): string {
  const direction = isIncoming
    ? 'its packets arrive here, those of this host do not arrive there'
    : 'none of its packets arrives here';
  return `no packet through the tunnel to host ${name} (${vtep}) has been answered since ${iso(since)}, though it is alive: ${direction}`;
}

export function lostRemedy({ vtep: own, vxlanPort }: OwnPlace, { name, vtep }: NamedPath): string {
  return `let UDP port ${vxlanPort} pass between ${own} and ${vtep}, both ways: \`xnet doctor --all\` names a firewall's rule that drops it, \`xnet ping ${shellWord(name)}\` tries again`;
}

/** A narrow path, of which it is known what passes. */
export function narrowOf({ name, vtep, state: { largest = 0, needed, peerMtu } }: NamedPath): NarrowPath {
  return { name, vtep, largest, needed, peerMtu };
}

function manyLost({ vxlanPort }: OwnPlace, lost: readonly NamedPath[]): string {
  const since = new Date(Math.min(...lost.map(({ state }) => state.since.getTime())));
  return `no packet through the tunnel to ${lost.length} hosts that are alive is answered, to the first since ${iso(since)} (${namesOf(lost)}); let UDP port ${vxlanPort} pass to and from this host: \`xnet doctor --all\` names a firewall's rule that drops it`;
}

function manyNarrow(own: OwnPlace, narrow: readonly NamedPath[]): string {
  const least = Math.min(...narrow.map(({ state: { largest = 0 } }) => largest));
  const needed = Math.max(...narrow.map(({ state }) => state.needed));
  const peerMtu = Math.min(...narrow.map(({ state }) => state.peerMtu ?? state.needed));
  const [first] = narrow.map(narrowOf);
  const remedy =
    first && own.carried < needed
      ? narrowingOf(own, { ...first, largest: least, needed, peerMtu }).remedy
      : `look at the MTU of what is between them, or ${smallerNetworks(Math.min(least, peerMtu))}`;
  return `packets of more than ${least} bytes do not pass between this host and ${narrow.length} others (${namesOf(narrow)}), and containers send up to ${needed}; ${remedy}`;
}

function namesOf(paths: readonly NamedPath[]): string {
  const names = paths.map(({ name }) => name).sort();
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(', ')} and ${more} more` : names.join(', ');
}

/** To the second. */
function iso(time: Date): string {
  return time.toISOString().replace(/\.\d+/, '');
}
