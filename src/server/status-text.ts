import type { NetworkStatus, PathAnswer, PeerStatus, Status } from '../admin/status-answer.js';
import { formatTable, printable, shortName } from '../observability/layout.js';

/** What `xnet status` shows to people; pure. */
export function formatStatus(status: Status): string {
  const { host, store } = status;
  const underlay = host.vtep ? `${host.vtep} on ${host.interface} (mtu ${host.mtu})` : 'unknown';
  const answer = store.problem ? 'not answering' : `answers in ${store.answerMs} ms`;
  return [
    `host      ${printable(host.name)} (${host.id}), xnet ${status.version}`,
    `underlay  ${underlay}`,
    `store     ${store.description}: ${answer}`,
    ...formatDocker(status.docker),
    ...formatNames(status.names),
    ...formatRepairs(status.repairs),
    ...formatKeeper(status.keeper),
    ...status.problems.map((problem) => `PROBLEM   ${printable(problem)}`),
    '',
    `networks on this host: ${status.networks.length}`,
    ...status.networks.flatMap(formatNetwork),
    '',
    `peers: ${status.peers.length}`,
    ...formatTable(status.peers.map(formatPeer)).map((line) => `  ${line}`),
    '',
  ].join('\n');
}

function formatDocker(docker: Status['docker']): string[] {
  if (!docker) return [];
  return [`docker    ${docker.version ?? 'not answering'}`];
}

function formatNames(names: Status['names']): string[] {
  const { sandboxes, answered, forwarded, failedInstalls, lastFailures } = names;
  const last = lastFailures.at(-1);
  return [
    `names     ${sandboxes} containers; ${answered} queries answered, ${forwarded} passed on`,
    ...(failedInstalls === 0 || !last
      ? []
      : [
          `          ${failedInstalls} without a resolver of ours, last ${last.sandboxPath} at ${last.at}: ${last.reason}`,
        ]),
  ];
}

/** Nothing when nobody altered anything. */
function formatRepairs(repairs: Status['repairs']): string[] {
  const counts = Object.entries(repairs).map(([kind, count]) => `${kind} ${count}`);
  return counts.length === 0 ? [] : [`repairs   ${counts.sort().join(', ')}; the log says of what`];
}

/** Nothing when all is as it should be. */
function formatKeeper(keeper: Status['keeper']): string[] {
  if (!keeper) return ['keeper    none: calls are refused while this daemon is away'];
  const { deaths, lastDeath } = keeper;
  if (deaths === 0) return [];
  const times = deaths === 1 ? 'once' : `${deaths} times`;
  return [`keeper    had to start the daemon again ${times}; the last one ${lastDeath}`];
}

function formatNetwork(network: NetworkStatus): string[] {
  const { id, name, vni, mtu, subnets, dockerNetworkId, endpoints } = network;
  const title = name === undefined ? id : `${shortName(name)} (${id})`;
  const rows = endpoints.map(({ id, container, addresses, mac }) => [
    ...[container === undefined ? '-' : shortName(container), id.slice(0, 12)],
    ...[addresses.join(', '), mac],
  ]);
  return [
    `  ${title}  vni ${vni}  mtu ${mtu}  ${subnets.join(', ')}  docker ${dockerNetworkId.slice(0, 12)}`,
    ...formatTable(rows).map((line) => `    ${line}`),
  ];
}

function formatPeer({ name, vtep, state, since, before, path }: PeerStatus): string[] {
  const time = since ?? (before === undefined ? '' : `before ${before}`);
  const shown = {
    alive: 'alive',
    silent: `silent since ${time}`,
    unknown: `unknown (store away since ${time})`,
  };
  return [shortName(name), vtep, shown[state], ...(path ? [pathText(path)] : [])];
}

export function pathText({ state, since, roundTripMs, largest, needed }: PathAnswer): string {
  if (state === 'unknown') return 'path not measured yet';
  if (state === 'lost') return `no packet passes since ${since}`;
  const sizes = state === 'narrow' ? `${largest} of ${needed}` : `${largest}`;
  return `packets of ${sizes} bytes pass, round trip ${roundTripMs} ms`;
}
