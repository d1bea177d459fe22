import type { Status } from '../../../admin/status-answer.js';
import type { Foundation } from '../../foundation.js';
import type { Host } from '../../host.js';
import { othersProblems, socketProblem } from '../../own-problems.js';
import { findPathProblems } from '../../paths/paths.js';

/**
 * The status without the problems that another check of the doctor finds itself, so that a fault is one finding, with its remedy.
 * `asked`: names of hosts that are asked as well, and say what is wrong there.
 */
export async function withoutSaidElsewhere(
  foundation: Foundation,
  host: Host | undefined,
  status: Status,
  asked: readonly string[],
): Promise<Status> {
  const said = new Set([
    await socketProblem(foundation.config.socket),
    ...(host ? ofChecks(foundation, host) : []),
  ]);
  const ofAsked = host
    ? othersProblems(host, foundation.hostId).filter((each) => asked.includes(each.host))
    : [];
  for (const { text } of ofAsked) said.add(text);
  return { ...status, problems: status.problems.filter((problem) => !said.has(problem)) };
}

function ofChecks(foundation: Foundation, host: Host): string[] {
  const { addressWatch, outwardWatch } = host;
  return [...findPathProblems(foundation, host), ...addressWatch.problems, ...outwardWatch.problems];
}
