import { parentText } from '../admin/mode-answer.js';
import type {
  EncryptionAnswer,
  NetworkStatus,
  PairAnswer,
  PathAnswer,
  PeerStatus,
  Status,
} from '../admin/status-answer.js';
import { formatTable, printable, shortName } from '../observability/layout.js';

/** What `xnet status` shows to people; pure. */
export function formatStatus(status: Status): string {
  const { host, store, withoutDaemon } = status;
  const device = host.interface === undefined ? '' : ` on ${host.interface} (mtu ${host.mtu})`;
  const underlay = host.vtep ? `${host.vtep}${device}` : 'unknown';
  return [
    `host      ${host.name} (${host.id}), xnet ${status.version}`,
    ...(withoutDaemon ? formatWithoutDaemon(withoutDaemon, status.networks) : []),
    `underlay  ${underlay}`,
    `store     ${store.description}: ${formatAnswer(store)}`,
    ...formatDocker(status.docker),
    ...(withoutDaemon ? [] : formatCounts(status)),
    ...status.problems.map((problem) => `PROBLEM   ${problem}`),
    '',
    `networks on this host: ${status.networks.length}`,
    ...status.networks.flatMap(formatNetwork),
    '',
    `peers: ${status.peers.length}`,
    ...formatTable(status.peers.map(formatPeer)).map((line) => `  ${line}`),
    ...(withoutDaemon ? formatLastEvents(withoutDaemon) : []),
    '',
  ]
    .map(printable)
    .join('\n');
}

function formatAnswer({ description, answerMs, problem }: Status['store']): string {
  if (problem !== undefined) return 'not answering';
  if (answerMs !== undefined) return `answers in ${answerMs} ms`;
  if (description.startsWith('embedded')) return 'not read by a daemon';
  return 'not asked; its certificates are not in the configuration that this command reads';
}

/** What only a daemon can say. */
function formatCounts({ names, repairs, keeper }: Status): string[] {
  return [...formatNames(names), ...formatRepairs(repairs), ...formatKeeper(keeper)];
}

function formatWithoutDaemon(
  { knownAt, unit, forwarding }: NonNullable<Status['withoutDaemon']>,
  networks: Status['networks'],
): string[] {
  const at = knownAt === undefined ? '' : `, as of ${knownAt.replace(/\.\d+/, '')}`;
  const used = networks.filter(({ vni, endpoints }) => vni !== undefined && endpoints.length > 0);
  const forwarded = used.filter(({ id }) => forwarding.includes(id));
  return [
    `daemon    not answering${unit === undefined ? '' : `; ${unit}`}`,
    `known     what a daemon last wrote down${at}: networks, containers and peers below`,
    `kernel    forwards ${forwarded.length} of ${used.length} networks with containers here, with or without the daemon`,
  ];
}

function formatLastEvents({ events }: NonNullable<Status['withoutDaemon']>): string[] {
  if (events.length === 0) return [];
  const rows = events.map(({ at, kind, what }) => [at.replace(/\.\d+/, ''), kind, printable(what)]);
  return ['', 'last events of this host:', ...formatTable(rows).map((line) => `  ${line}`)];
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
  const { id, name, mtu, subnets, dockerNetworkId, endpoints } = network;
  const title = name === undefined ? id : `${shortName(name)} (${id})`;
  const rows = endpoints.map(({ id, container, addresses, mac }) => [
    ...[container === undefined ? '-' : shortName(container), id.slice(0, 12)],
    ...[addresses.join(', '), mac],
  ]);
  return [
    `  ${title}  ${modeText(network)}  mtu ${mtu ?? 'unknown'}  ${subnets.join(', ')}  docker ${dockerNetworkId.slice(0, 12)}`,
    ...formatTable(rows).map((line) => `    ${line}`),
    ...formatSetAside(network),
  ];
}

/** A LAN may be full of devices. */
const MOST_SET_ASIDE = 5;

function formatSetAside({ id, name, setAside = [] }: NetworkStatus): string[] {
  const more = setAside.length - MOST_SET_ASIDE;
  const lines = setAside.slice(0, MOST_SET_ASIDE).map(({ address, mac, since }) => {
    return `    set aside: ${address} of a device with MAC ${mac} on the LAN, found ${since.replace(/\.\d+/, '')}`;
  });
  return more > 0
    ? [...lines, `    set aside: ${more} more; xnet addresses ${shortName(name ?? id)}`]
    : lines;
}

/** Of an overlay without its name: it is the default. */
function modeText(network: NetworkStatus): string {
  const { mode, vni } = network;
  const parent = parentText(network);
  if (vni !== undefined) {
    const encrypted = network.encrypted ? '  encrypted' : '';
    return mode === 'overlay' ? `vni ${vni}${encrypted}` : `${mode}  vni ${vni}`;
  }
  return parent === undefined ? `${mode} inside this host` : `${mode} on ${parent}`;
}

function formatPeer({ name, vtep, state, since, before, path, pair, encryption }: PeerStatus): string[] {
  const time = since ?? (before === undefined ? '' : `before ${before}`);
  const shown = {
    alive: 'alive',
    silent: `silent since ${time}`,
    unknown: time === '' ? 'unknown' : `unknown (store away since ${time})`,
  };
  const ways = [path && pathText(path), pair && pairText(pair), encryption && encryptionText(encryption)];
  const last = ways.findLastIndex((way) => way !== undefined);
  return [shortName(name), vtep, shown[state], ...ways.slice(0, last + 1).map((way) => way ?? '')];
}

export function pairText({ way, since, why }: PairAnswer): string {
  const words = way === 'direct' ? 'directly' : 'through the tunnel';
  return printable(`routed networks: ${words} since ${since}, ${why}`);
}

function encryptionText({ handshake }: EncryptionAnswer): string {
  if (handshake === undefined) return 'encrypted networks: no handshake yet';
  return `encrypted networks: last handshake ${handshake}`;
}

export function pathText({ state, since, roundTripMs, largest, needed }: PathAnswer): string {
  if (state === 'unknown') return 'path not measured yet';
  if (state === 'lost') return `no packet passes since ${since}`;
  const sizes = state === 'narrow' ? `${largest} of ${needed}` : `${largest}`;
  return `packets of ${sizes} bytes pass, round trip ${roundTripMs} ms`;
}
