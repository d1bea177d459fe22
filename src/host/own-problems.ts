import type { DockerAgents } from './docker-agents.js';
import type { Forwarding } from './forwarding.js';

/** Problems of this host that concern the other hosts: what of the cluster is missing or wrong here. */
export function ownProblems(
  {
    follower,
    local,
    registration,
    changes,
  }: Pick<Forwarding, 'follower' | 'local' | 'registration' | 'changes'>,
  { mirror, names }: Pick<DockerAgents, 'mirror' | 'names'>,
): string[] {
  const unfollowed = follower.failures.map(({ networkId, reason }) => {
    const name = local.findRecord(networkId)?.name ?? networkId;
    return `this host's forwarding of network ${name} is not up to date: ${reason}`;
  });
  const unpublished =
    names.failures === 0
      ? []
      : [
          `the names of ${names.failures} containers of this host are not known to the others; the log says why`,
        ];
  return [...registration.problems, ...changes.problems, ...unfollowed, ...mirror.problems, ...unpublished];
}
