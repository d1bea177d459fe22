/** What is wrong with the paths of this host, each with the remedy. Pure. */
import { isIPv6 } from 'node:net';
import { shellWord } from '../../shell-word.js';
import type { PathState } from './followed-path.js';

/** A path and the host that it leads to. */
export interface NamedPath {
  readonly name: string;
  readonly vtep: string;
  readonly state: PathState;
}

export interface OwnPlace {
  readonly vtep: string;
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
      ? [manyNarrow(narrow)]
      : narrow.map((path) => `${narrowText(path)}; ${narrowRemedy(path)}`)),
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

/** What is known of a narrow path. */
export function narrowText({ name, vtep, state: { largest, needed } }: NamedPath): string {
  return `packets of more than ${largest} bytes do not pass between this host and host ${name} (${vtep}), and containers send up to ${needed}`;
}

export function narrowRemedy({ vtep, state: { advised, needed } }: NamedPath): string {
  const overhead = isIPv6(vtep) ? 70 : 50;
  return `give all of the underlay between them an MTU of ${needed + overhead}, or create the networks anew with -o com.docker.network.driver.mtu=${advised}`;
}

function manyLost({ vxlanPort }: OwnPlace, lost: readonly NamedPath[]): string {
  const since = new Date(Math.min(...lost.map(({ state }) => state.since.getTime())));
  return `no packet through the tunnel to ${lost.length} hosts that are alive is answered, to the first since ${iso(since)} (${namesOf(lost)}); let UDP port ${vxlanPort} pass to and from this host: \`xnet doctor --all\` names a firewall's rule that drops it`;
}

function manyNarrow(narrow: readonly NamedPath[]): string {
  const least = Math.min(...narrow.map(({ state: { advised = 0 } }) => advised));
  const needed = Math.max(...narrow.map(({ state }) => state.needed));
  return `packets of more than ${least} bytes do not pass between this host and ${narrow.length} others (${namesOf(narrow)}), and containers send up to ${needed}; look at the MTU of this host's underlay, or create the networks anew with -o com.docker.network.driver.mtu=${least}`;
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
