/** etcd, as this host sees it: each member that the configuration names. Pure. */
import { shellWord } from '../shell-word.js';
import type { StoreMember } from '../store/store.js';
import { allWell, failure, type Judgement, warning } from './finding.js';

/** Far above what a disk or a network in order needs, and what this process itself is held up on a busy machine. */
const SLOW_MS = 250;
/** Of etcd's default quota of 2 GB. */
const LARGE_BYTES = 1.5e9;
/** A member that is nearly full takes longer than the 5 s that etcdctl waits by default. */
const DEFRAG = 'defrag --command-timeout=10m';
/** Answers of HTTP have the time to the second. */
const CLOCK_SECONDS = 5;

/** Files of certificates, as they are configured. */
export interface EtcdFiles {
  readonly etcdCa?: string | undefined;
  readonly etcdCert?: string | undefined;
  readonly etcdKey?: string | undefined;
}

/** The command `etcdctl` for all these members, as words of a shell. */
export function etcdctlOf(members: readonly StoreMember[], { etcdCa, etcdCert, etcdKey }: EtcdFiles): string {
  const files = { cacert: etcdCa, cert: etcdCert, key: etcdKey };
  const options = Object.entries(files).flatMap(([name, path]) =>
    path === undefined ? [] : [`--${name}=${path}`],
  );
  const endpoints = `--endpoints=${members.map(({ url }) => url).join(',')}`;
  return ['etcdctl', endpoints, ...options].map(shellWord).join(' ');
}

/** By which xnet reads its files anew, as a service of systemd. */
export const RELOAD = 'systemctl reload xnet';

/** `etcdctl`: the command for all members; `reload`: that by which xnet reads its files anew. */
export function judgeMembers(
  members: readonly StoreMember[],
  etcdctl: string,
  reload: string = RELOAD,
): readonly Judgement[] {
  const slowest = Math.max(...members.map(({ answerMs = 0 }) => answerMs));
  const all = `${members.length} of ${members.length} members answer, the slowest in ${slowest} ms`;
  const alarms = new Set(members.flatMap((member) => member.alarms));
  return allWell(
    [
      ...members.flatMap((member) => judgeMember(member, etcdctl, reload)),
      ...[...alarms].map((alarm) => judgeAlarm(alarm, etcdctl)),
    ],
    all,
  );
}

function judgeMember(member: StoreMember, etcdctl: string, reload: string): Judgement[] {
  const { url, problem, answerMs = 0, hasLeader, alarms, bytes } = member;
  if (problem !== undefined)
    return [failure(`etcd at ${url} does not answer: ${problem}`, remedyOf(problem, reload))];
  return [
    ...(hasLeader
      ? []
      : [
          failure(
            `etcd at ${url} has no leader, so that nothing can be written`,
            'systemctl start etcd   # on the hosts of its members, until more than half of them run',
          ),
        ]),
    ...(answerMs > SLOW_MS
      ? [
          warning(
            `etcd at ${url} takes ${answerMs} ms to answer`,
            `look at its disk and at the network between; which one is slow, large or behind: ${etcdctl} endpoint status -w table`,
          ),
        ]
      : []),
    ...(bytes > LARGE_BYTES && alarms.length === 0
      ? [
          warning(
            `etcd at ${url} has ${(bytes / 1e9).toFixed(1)} GB; it takes no writes above its quota (2 GB unless set)`,
            `${etcdctl} ${DEFRAG}   # one member after the other; if that is not enough: a larger --quota-backend-bytes`,
          ),
        ]
      : []),
  ];
}

/** By the reasons of etcd-failure.ts. */
function remedyOf(problem: string, reload: string): string {
  if (problem.includes('not of the given CA'))
    return `let etcdCa in /etc/xnet/xnet.json be the CA that signed its certificate, then: ${reload}`;
  if (/client certificate/.test(problem))
    return `let etcdCert and etcdKey in /etc/xnet/xnet.json be of the CA that etcd trusts and not expired, then: ${reload}`;
  if (problem.includes('certificate')) return 'give that member a new certificate (its --cert-file)';
  if (problem.includes('refused')) return 'start it; on its host: systemctl start etcd';
  return 'let this host reach it (a firewall between? TCP 2379); on its host: systemctl status etcd';
}

function judgeAlarm(alarm: string, etcdctl: string): Judgement {
  if (alarm !== 'NOSPACE')
    return failure(
      `etcd has the alarm ${alarm}: a member's data is damaged`,
      'replace that member: etcdctl member remove, and member add with an empty data directory',
    );
  const revision = `$(e endpoint status -w fields | sed -n 's/^"Revision" : //p' | sort -n | head -n 1)`;
  return failure(
    'etcd has the alarm NOSPACE: it is full, and takes no writes',
    `e() { ${etcdctl} "$@"; }; e compact ${revision}; e ${DEFRAG}; e alarm disarm   # with users: as one with the role root`,
  );
}

/** `nowMs`: of this host's clock. */
export function judgeClock(members: readonly StoreMember[], nowMs: number): readonly Judgement[] {
  const judged = members.flatMap(({ url, clockMs }): Judgement[] => {
    const seconds = Math.round((nowMs - (clockMs ?? nowMs)) / 1000);
    if (Math.abs(seconds) <= CLOCK_SECONDS) return [];
    const order = seconds > 0 ? 'ahead of' : 'behind';
    return [
      warning(
        `this host's clock is ${Math.abs(seconds)} s ${order} that of etcd at ${url}`,
        'timedatectl set-ntp true   # on both hosts; certificates and the times in logs need equal clocks',
      ),
    ];
  });
  const isKnown = members.some(({ clockMs }) => clockMs !== undefined);
  const alike = `this host's clock is that of etcd, within ${CLOCK_SECONDS} s`;
  return allWell(judged, isKnown ? alike : 'not compared: no member of etcd sends its time');
}
