import {
  type NarrowPath,
  narrowingOf,
  narrowText,
  type OwnUnderlay,
} from '../../../agent/paths/narrow-path.js';
import { lostRemedy, lostText, type NamedPath, narrowOf } from '../../../agent/paths/path-problems.js';
import { allWell, failure, type Judgement, ok, warning } from '../../../doctor/finding.js';
import { errorMessage } from '../../../errors.js';
import { upkeepOf } from '../../../upkeep.js';
import type { Foundation } from '../../foundation.js';
import type { Host } from '../../host.js';
import { namedPaths, ownPlace } from '../../paths/paths.js';

/** For `xnet doctor`: the paths to the other hosts, asked now; takes a second at most. Undefined: the host is still starting. */
export async function findPathFaults(
  foundation: Foundation,
  host: Host | undefined,
): Promise<readonly Judgement[]> {
  if (!host) return [ok('not measured yet: this host is still starting')];
  if (host.paths.failure !== undefined)
    return [
      failure(
        `not measured: ${errorMessage(host.paths.failure)}`,
        `mend that; see ${upkeepOf(foundation.pluginId).log}`,
      ),
    ];
  if (host.replica.problem !== undefined)
    return [ok('not measured while the store is away: nobody knows which hosts are alive')];
  await host.paths.measureNow();
  const paths = namedPaths(host);
  const own = ownPlace(foundation, host);
  return allWell(
    paths.flatMap((path): Judgement[] => {
      const { verdict, isAnswered } = path.state;
      if (verdict === 'lost') return [failure(lostText(path), lostRemedy(own, path))];
      if (verdict === 'narrow') return [judgeNarrow(own, narrowOf(path))];
      if (verdict === undefined)
        return [
          warning(`host ${path.name} (${path.vtep}) has not answered yet`, 'ask again in half a minute'),
        ];
      if (!isAnswered)
        return [
          warning(`host ${path.name} (${path.vtep}) does not answer just now`, 'ask again in half a minute'),
        ];
      return [];
    }),
    wellText(paths, unmeasuredHosts(host)),
  );
}

function judgeNarrow(own: OwnUnderlay, path: NarrowPath): Judgement {
  const narrowing = narrowingOf(own, path);
  return failure(narrowText(path, narrowing), narrowing.remedy);
}

/** Names of hosts that are alive, share a network with this one, and have no end of the path. */
function unmeasuredHosts({ networkPeers, hosts }: Pick<Host, 'networkPeers' | 'hosts'>): string[] {
  return [...networkPeers.ids].flatMap((id) => {
    const record = hosts.isAlive(id) ? hosts.find(id) : undefined;
    return record && record.pathMtu === undefined ? record.name : [];
  });
}

function wellText(paths: readonly NamedPath[], unmeasured: readonly string[]): string {
  const others =
    unmeasured.length === 0
      ? ''
      : `; not measured: ${unmeasured.toSorted().join(', ')}, whose xnet is older, is still starting, or cannot`;
  if (paths.length === 0)
    return others === '' ? 'none: no host that is alive shares a network with this one' : `none${others}`;
  const slowest = Math.max(...paths.map(({ state: { roundTripMs = 0 } }) => roundTripMs));
  const largest = Math.min(...paths.map(({ state: { largest = 0 } }) => largest));
  const to = paths.length === 1 ? '1 host' : `${paths.length} hosts`;
  return `packets of ${largest} bytes pass to ${to} and back, the slowest in ${slowest.toFixed(1)} ms${others}`;
}
