/** etcd, as this host sees it: each member that the configuration names, and the certificates. */
import { X509Certificate } from 'node:crypto';
import type { StoreMember } from '../store/store.js';
import { allWell, failure, type Judgement, warning } from './finding.js';

const SLOW_MS = 100;
/** Of etcd's default quota of 2 GB. */
const LARGE_BYTES = 1.5e9;
const SOON_DAYS = 30;
/** Answers of HTTP have the time to the second. */
const CLOCK_SECONDS = 5;
const DAY_MS = 86_400_000;

export interface Certificate {
  /** Which of them. */
  readonly name: string;
  readonly validTo: Date;
}

/** Those that xnet shows to etcd, or trusts. */
export function certificatesOf(pems: { readonly ca?: string; readonly cert?: string } = {}): Certificate[] {
  const { ca, cert } = pems;
  const named = [['etcdCa', ca] as const, ['etcdCert', cert] as const];
  return named.flatMap(([name, pem]) =>
    pem === undefined ? [] : [{ name, validTo: new Date(new X509Certificate(pem).validTo) }],
  );
}

export function judgeMembers(members: readonly StoreMember[]): readonly Judgement[] {
  const slowest = Math.max(...members.map(({ answerMs = 0 }) => answerMs));
  const all = `${members.length} of ${members.length} members answer, the slowest in ${slowest} ms`;
  return allWell(members.flatMap(judgeMember), all);
}

function judgeMember({ url, problem, answerMs = 0, hasLeader, alarms, bytes }: StoreMember): Judgement[] {
  if (problem !== undefined)
    return [
      failure(
        `etcd at ${url} does not answer: ${problem}`,
        'start it, or let this host reach it (systemctl status etcd there; a firewall between?)',
      ),
    ];
  return [
    ...(hasLeader
      ? []
      : [failure(`etcd at ${url} has no leader`, 'start enough of its members: more than half')]),
    ...alarms.map((alarm) => failure(`etcd at ${url} has the alarm ${alarm}`, alarmRemedy(alarm))),
    ...(answerMs > SLOW_MS
      ? [
          warning(
            `etcd at ${url} takes ${answerMs} ms to answer`,
            'look at its disk (etcdctl check perf) and at the network between',
          ),
        ]
      : []),
    ...(bytes > LARGE_BYTES && alarms.length === 0
      ? [
          warning(
            `etcd at ${url} has ${(bytes / 1e9).toFixed(1)} GB; it takes no writes above its quota (2 GB unless set)`,
            `etcdctl --endpoints=${url} defrag; or a larger --quota-backend-bytes`,
          ),
        ]
      : []),
  ];
}

function alarmRemedy(alarm: string): string {
  if (alarm !== 'NOSPACE')
    return 'replace that member: etcdctl member remove, and member add with an empty data directory';
  return 'etcdctl compact $(etcdctl get x -w json | jq .header.revision); etcdctl defrag; etcdctl alarm disarm';
}

export function judgeCertificates(certificates: readonly Certificate[], now: Date): readonly Judgement[] {
  const judged = certificates.flatMap(({ name, validTo }): Judgement[] => {
    const days = Math.floor((validTo.getTime() - now.getTime()) / DAY_MS);
    const remedy = `put a new one in its place and restart xnet: systemctl restart xnet`;
    if (days < 0) return [failure(`${name} expired on ${validTo.toISOString().slice(0, 10)}`, remedy)];
    if (days < SOON_DAYS) return [warning(`${name} expires in ${days} days`, remedy)];
    return [];
  });
  return allWell(
    judged,
    certificates.length === 0 ? 'none are used' : `valid for ${SOON_DAYS} days and more`,
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
        'certificates and the times in logs need equal clocks: timedatectl set-ntp true, on both',
      ),
    ];
  });
  const isKnown = members.some(({ clockMs }) => clockMs !== undefined);
  const alike = `this host's clock is that of etcd, within ${CLOCK_SECONDS} s`;
  return allWell(judged, isKnown ? alike : 'not compared: no member of etcd sends its time');
}
