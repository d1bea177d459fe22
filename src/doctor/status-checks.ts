/** What `xnet status` says, judged. Pure. */
import type { Status } from '../admin/status-answer.js';
import { allWell, failure, type Judgement, ok, warning } from './finding.js';

/** Each problem is one sentence with its remedy. */
export function judgeProblems({ problems }: Pick<Status, 'problems'>): readonly Judgement[] {
  return allWell(
    problems.map((found) => ({ verdict: 'failure', found })),
    'no problem',
  );
}

export function judgeDocker({ docker }: Pick<Status, 'docker'>): readonly Judgement[] {
  if (!docker)
    return [failure('not asked yet: this host is still starting', 'wait, or see journalctl -u xnet')];
  if (docker.problem === undefined) return [ok(`Docker ${docker.version} answers`)];
  return [
    failure(`Docker does not answer: ${docker.problem}`, 'systemctl start docker; see journalctl -u docker'),
  ];
}

/** Of the kernel's objects: what others altered is put right, but they may do it again. */
export function judgeRepairs({ repairs }: Pick<Status, 'repairs'>): readonly Judgement[] {
  const counts = Object.entries(repairs).map(([kind, count]) => `${kind} ${count}`);
  if (counts.length === 0) return [ok('nobody has altered what is in the kernel')];
  return [
    warning(
      `others altered what is in the kernel, and it was put right: ${counts.sort().join(', ')}`,
      'find the program that does it; what and when: journalctl -u xnet | grep repaired',
    ),
  ];
}

export function judgeKeeper({ keeper }: Pick<Status, 'keeper'>): readonly Judgement[] {
  if (!keeper)
    return [warning('none: calls of Docker are refused while the daemon is away', 'use Linux 5.6 or later')];
  if (keeper.deaths === 0) return [ok('the daemon has not died')];
  return [
    warning(
      `the daemon died ${keeper.deaths} times, and was started again; the last one ${keeper.lastDeath}`,
      'see why: journalctl -u xnet',
    ),
  ];
}
