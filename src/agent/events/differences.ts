import type { HostEvent } from '../../observability/event-log.js';
import type { PairState } from '../pairs/followed-pair.js';
import type { PathState } from '../paths/followed-path.js';

/** What of a host is compared from time to time. */
export interface HostState {
  /** Names of the networks that its Docker has of xnet, by Docker's ids. */
  readonly networks: ReadonlyMap<string, string>;
  /** Whether each other host is alive, by name; empty while that is not known. */
  readonly others: ReadonlyMap<string, boolean>;
  /** How the path to each of them is, as far as it is measured. */
  readonly paths: ReadonlyMap<string, PathState>;
  /** Which way packets of routed networks go to each of them with which this host shares one. */
  readonly pairs: ReadonlyMap<string, PairState>;
  /** Why the store is away; undefined: it answers. */
  readonly storeProblem: string | undefined;
  readonly problems: readonly string[];
  /** Number of repairs by kind, since the daemon's start. */
  readonly repairs: Readonly<Record<string, number>>;
}

type Noted = Omit<HostEvent, 'at'>;

/** What has happened between two states. Pure. */
export function differences(before: HostState, now: HostState): Noted[] {
  return [
    ...networkEvents(before.networks, now.networks),
    ...lifeEvents(before.others, now.others),
    ...pathEvents(before.paths, now.paths),
    ...pairEvents(before.pairs, now.pairs),
    ...storeEvents(before.storeProblem, now.storeProblem),
    ...repairEvents(before.repairs, now.repairs),
    ...now.problems
      .filter((problem) => !before.problems.includes(problem))
      .map((what): Noted => ({ kind: 'problem', what })),
    ...before.problems
      .filter((problem) => !now.problems.includes(problem))
      .map((what): Noted => ({ kind: 'problem over', what })),
  ];
}

function networkEvents(before: HostState['networks'], now: HostState['networks']): Noted[] {
  const created = [...now].filter(([id]) => !before.has(id));
  const removed = [...before].filter(([id]) => !now.has(id));
  const event =
    (kind: Noted['kind']) =>
    ([id, network]: readonly [string, string]) => ({
      kind,
      what: `${network} (Docker's ${id.slice(0, 12)})`,
      network,
    });
  return [...created.map(event('network created')), ...removed.map(event('network removed'))];
}

function lifeEvents(before: HostState['others'], now: HostState['others']): Noted[] {
  return [...now].flatMap(([what, isAlive]): Noted[] => {
    const was = before.get(what);
    if (was === undefined || was === isAlive) return [];
    return [{ kind: isAlive ? 'host alive' : 'host silent', what }];
  });
}

/** A path that is measured for the first time is an event only when something is wrong. */
function pathEvents(before: HostState['paths'], now: HostState['paths']): Noted[] {
  return [...now].flatMap(([host, { verdict, largest, needed }]): Noted[] => {
    const was = before.get(host)?.verdict;
    if (verdict === was) return [];
    if (verdict === 'lost') return [{ kind: 'path lost', what: host }];
    if (verdict === 'narrow')
      return [{ kind: 'path narrow', what: `${host}: packets of ${largest} of ${needed} bytes pass` }];
    return verdict === 'passes' && was !== undefined ? [{ kind: 'path back', what: host }] : [];
  });
}

/** It is the tunnel at first, which is no event. */
function pairEvents(before: HostState['pairs'], now: HostState['pairs']): Noted[] {
  return [...now].flatMap(([host, { way, why }]): Noted[] => {
    if (way === (before.get(host)?.way ?? 'tunnel')) return [];
    return [{ kind: way === 'direct' ? 'pair direct' : 'pair by tunnel', what: `${host}: ${why}` }];
  });
}

function storeEvents(before: string | undefined, now: string | undefined): Noted[] {
  if (now !== undefined && before === undefined) return [{ kind: 'store away', what: now }];
  if (now === undefined && before !== undefined) return [{ kind: 'store back', what: `over: ${before}` }];
  return [];
}

function repairEvents(before: HostState['repairs'], now: HostState['repairs']): Noted[] {
  return Object.entries(now).flatMap(([kind, count]): Noted[] => {
    const more = count - (before[kind] ?? 0);
    return more > 0 ? [{ kind: 'repair', what: `${kind}: ${more} that others had altered` }] : [];
  });
}
