/** What `xnet status` says, judged. Pure. */
import type { Status } from '../admin/status-answer.js';
import type { HostEvent } from '../observability/event-log.js';
import { type Upkeep, upkeepOf } from '../upkeep.js';
import { allWell, failure, type Judgement, ok, warning } from './finding.js';

/** Each problem is one sentence with its remedy. */
export function judgeProblems({ problems }: Pick<Status, 'problems'>): readonly Judgement[] {
  return allWell(
    problems.map((found) => ({ verdict: 'failure', found })),
    'no problem',
  );
}

/** The oldest Docker that xnet is tested with (docs/compatibility.md). */
const OLDEST = [20, 10] as const;

/** `socket`: where Docker's API is expected. */
export function judgeDocker(
  { docker }: Pick<Status, 'docker'>,
  socket: string,
  { log }: Upkeep = upkeepOf(undefined),
): readonly Judgement[] {
  if (!docker) return [failure('not asked yet: this host is still starting', `wait, or see ${log}`)];
  const { problem, version = '' } = docker;
  if (problem !== undefined)
    return [
      failure(
        `Docker does not answer: ${problem}`,
        `systemctl start docker   # if it runs: dockerHost in /etc/xnet/xnet.json is ${socket}`,
      ),
    ];
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    return [warning(`Docker ${version} is older than ${OLDEST.join('.')}, and untried`, 'upgrade Docker')];
  return [ok(`Docker ${version} answers`)];
}

/** Of the kernel's objects: what others altered is put right, but they may do it again. `events`: of the last hour. */
export function judgeRepairs(
  events: readonly Pick<HostEvent, 'kind' | 'what'>[],
  { log }: Upkeep = upkeepOf(undefined),
): readonly Judgement[] {
  const counts = new Map<string, number>();
  for (const { kind, what } of events) {
    const [, object = '', count] = /^([\w-]+): (\d+) /.exec(what) ?? [];
    if (kind === 'repair' && count !== undefined)
      counts.set(object, (counts.get(object) ?? 0) + Number(count));
  }
  if (counts.size === 0) return [ok('nobody has altered what is in the kernel in the last hour')];
  const texts = [...counts].map(([object, count]) => `${object} ${count}`);
  return [
    warning(
      `others altered what is in the kernel in the last hour, and it was put right: ${texts.sort().join(', ')}`,
      `find the program that does it; what and when: ${log} | grep repaired`,
    ),
  ];
}

export function judgeKeeper(
  { keeper }: Pick<Status, 'keeper'>,
  { log }: Upkeep = upkeepOf(undefined),
): readonly Judgement[] {
  if (!keeper)
    return [warning('none: calls of Docker are refused while the daemon is away', 'use Linux 5.6 or later')];
  if (keeper.deaths === 0) return [ok('the daemon has not died')];
  return [
    warning(
      `the daemon died ${keeper.deaths} times, and was started again; the last one ${keeper.lastDeath}`,
      `see why: ${log}`,
    ),
  ];
}
