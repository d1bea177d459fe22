import type { FindingItem } from '../../../admin/diagnosis-answers.js';
import type { Answer } from '../../../admin/operations.js';
import type { Status } from '../../../admin/status-answer.js';
import type { Foundation } from '../../foundation.js';
import type { Host } from '../../host.js';
import { othersProblems, socketProblem } from '../../own-problems.js';
import { findEncryptionProblems } from '../../paths/encryption.js';
import { findPathProblems } from '../../paths/paths.js';
import type { Reply } from '../ask-each.js';

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
  const ofPackets = [...findPathProblems(foundation, host), ...findEncryptionProblems(host)];
  return [...ofPackets, ...addressWatch.problems, ...outwardWatch.problems];
}

/** What a host that is asked finds; of one that does not answer, the problems that all know of it, which nobody else says then. */
export function answerOf(
  host: string,
  reply: Reply<readonly FindingItem[]>,
  problems: ReturnType<typeof othersProblems>,
): Answer<'doctor'>['hosts'][number] {
  if ('found' in reply) return { host, findings: [...reply.found] };
  const known = problems.filter((each) => each.host === host);
  const findings = known.map(({ text }) => ({ check: 'status', verdict: 'failure' as const, found: text }));
  return { host, findings, refusal: reply.refusal };
}
