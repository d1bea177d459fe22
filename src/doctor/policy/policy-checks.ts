/** Policies that do nothing, containers that nobody reaches because of their labels, and what policies have dropped. Pure. */
import type { HostEvent } from '../../observability/event-log.js';
import { allWell, type Judgement, ok, warning, wordOfLine } from '../finding.js';

export interface SeenPolicy {
  readonly name: string;
  /** As it is named in the policy. */
  readonly network: { readonly name: string; readonly isThere: boolean } | undefined;
  /** Of those that it selects, such as `app=db`. */
  readonly labels: string;
  /** How many containers it selects. */
  readonly selected: number;
}

/** A container in a network with policies, or in an isolated one, whose labels are not published, though its names are. */
export interface Unlabelled {
  readonly container: string;
  readonly network: string;
  readonly host: string;
  /** Nobody reaches it. Else it is no gateway, if it was to be one. */
  readonly isClosed: boolean;
}

export function judgePolicies(
  policies: readonly SeenPolicy[],
  unlabelled: readonly Unlabelled[],
): readonly Judgement[] {
  const judged = [
    ...policies.filter(({ selected }) => selected === 0).map(selectsNothing),
    ...unlabelled.map(hasNoLabels),
  ];
  return allWell(judged, policies.length === 0 ? 'none' : `${policies.length}, each selects a container`);
}

function selectsNothing({ name, network, labels }: SeenPolicy): Judgement {
  const found =
    network && !network.isThere
      ? `policy ${name} selects no container: the cluster has no network ${network.name}`
      : `policy ${name} selects no container: none${network ? ` in network ${network.name}` : ''} has ${labels}`;
  const compare = "docker inspect -f '{{json .Config.Labels}}' CONTAINER";
  return warning(
    found,
    `compare its labels with those of the container that is meant: ${compare}; if none is to come: xnet policy rm ${wordOfLine(name)}`,
  );
}

function hasNoLabels({ container, network, host, isClosed }: Unlabelled): Judgement {
  const effect = isClosed
    ? 'nobody reaches it while policies are in force there'
    : 'it is no gateway of the network, which is isolated';
  return warning(
    `network ${network}: the labels of ${container} on ${host} are not known, so that ${effect}`,
    `docker inspect -f '{{json .Config.Labels}}' ${wordOfLine(container)}   # on ${wordOfLine(host)}: more than 8 kB are not published, nor are any by an older xnet`,
  );
}

/** Of denials that a finding names. */
const MOST_NAMED = 5;

/** An event of pairs that it does not name. */
const MORE = /^(\d+) more pairs of containers/;

/** What policies and isolation have dropped on this host, which is what they are for. `events`: of the last hour. */
export function judgeDenied(events: readonly Pick<HostEvent, 'kind' | 'what'>[]): readonly Judgement[] {
  const denied = events.filter(({ kind }) => kind === 'denied').map(({ what }) => what);
  if (denied.length === 0) return [ok('policies have dropped nothing here in the last hour')];
  const named = denied.filter((what) => !MORE.test(what));
  const pairs = [...new Set(named.map((what) => what.replace(/ (would be )?dropped \d+ times$/, '')))];
  const others = sum(denied.map((what) => Number(MORE.exec(what)?.[1] ?? 0)));
  const unnamed = Math.max(0, pairs.length - MOST_NAMED) + others;
  const more = unnamed > 0 ? `, and ${unnamed} more (xnet events)` : '';
  return [ok(`dropped here in the last hour: ${pairs.slice(-MOST_NAMED).join('; ')}${more}`)];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
