import type { NetworkStatus, Status } from '../server/admin.js';
import { askDaemon } from './admin-client.js';

/** `xnet status`: one look at what works and what does not. */
export async function printStatus(options: { adminSocket: string; json?: boolean }): Promise<void> {
  const status = await askDaemon<Status>(options.adminSocket, '/status');
  process.stdout.write(options.json ? `${JSON.stringify(status, undefined, 2)}\n` : formatStatus(status));
  if (status.problems.length > 0) process.exitCode = 1;
}

/** The text for people; pure. */
export function formatStatus(status: Status): string {
  const { host, store } = status;
  const underlay = host.vtep ? `${host.vtep} on ${host.interface} (mtu ${host.mtu})` : 'unknown';
  const answer = store.problem ? 'not answering' : `answers in ${store.answerMs} ms`;
  return [
    `host      ${host.name} (${host.id}), xnet ${status.version}`,
    `underlay  ${underlay}`,
    `store     ${store.description}: ${answer}`,
    ...formatDocker(status.docker),
    ...formatNames(status.names),
    ...formatRepairs(status.repairs),
    ...formatKeeper(status.keeper),
    ...status.problems.map((problem) => `PROBLEM   ${problem}`),
    '',
    `networks on this host: ${status.networks.length}`,
    ...status.networks.flatMap(formatNetwork),
    '',
    `peers: ${status.peers.length}`,
    ...status.peers.map(
      (peer) => `  ${peer.name.padEnd(20)} ${peer.vtep.padEnd(20)} ${peer.alive ? 'alive' : 'silent'}`,
    ),
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
  const title = network.name ? `${network.name} (${network.id})` : network.id;
  return [
    `  ${title}  vni ${network.vni}  mtu ${network.mtu}  ${network.subnets.join(', ')}  docker ${network.dockerNetworkId.slice(0, 12)}`,
    ...network.endpoints.map(
      ({ id, addresses, mac }) => `    ${id.slice(0, 12)}  ${addresses.join(', ').padEnd(16)}  ${mac}`,
    ),
  ];
}
