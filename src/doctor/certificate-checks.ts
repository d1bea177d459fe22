/** Certificates between this host and etcd: how long they are valid. Pure, but for what Node.js reads of a certificate. */
import { X509Certificate } from 'node:crypto';
import type { StoreMember } from '../store/store.js';
import { allWell, failure, type Judgement, warning } from './finding.js';
import { RELOAD } from './store-checks.js';

const SOON_DAYS = 30;
const DAY_MS = 86_400_000;

export interface Certificate {
  /** Which of them. */
  readonly name: string;
  /** Absent: not known. */
  readonly validFrom?: Date;
  readonly validTo: Date;
  /** What is to be done with a new one. */
  readonly remedy: string;
}

/** Those that xnet shows to etcd, or trusts. `reload`: the command by which it reads them anew. */
export function certificatesOf(
  pems: { readonly ca?: string; readonly cert?: string } = {},
  reload: string = RELOAD,
): Certificate[] {
  const { ca, cert } = pems;
  const named = [['etcdCa', ca] as const, ['etcdCert', cert] as const];
  const remedy = `put a new one in its place, then: ${reload}`;
  return named.flatMap(([name, pem]) => {
    if (pem === undefined) return [];
    const { validFrom, validTo } = new X509Certificate(pem);
    return [{ name, validFrom: new Date(validFrom), validTo: new Date(validTo), remedy }];
  });
}

/** Those that the members of etcd show. An expired one is refused: then the member does not answer. */
export function certificatesOfMembers(members: readonly StoreMember[]): Certificate[] {
  const remedy = 'give that member a new one (etcd reads its --cert-file at each connection)';
  return members.flatMap(({ url, certificateEndMs }) =>
    certificateEndMs === undefined
      ? []
      : [{ name: `the certificate of etcd at ${url}`, validTo: new Date(certificateEndMs), remedy }],
  );
}

export function judgeCertificates(certificates: readonly Certificate[], now: Date): readonly Judgement[] {
  return allWell(
    certificates.flatMap((certificate) => judgeCertificate(certificate, now)),
    certificates.length === 0 ? 'none are used' : `valid for ${SOON_DAYS} days and more`,
  );
}

function judgeCertificate({ name, validFrom, validTo, remedy }: Certificate, now: Date): Judgement[] {
  const day = (date: Date) => date.toISOString().slice(0, 10);
  if (validFrom && validFrom > now) {
    const clock =
      'timedatectl set-ntp true   # if the clock of this host is behind; else wait, or use another one';
    return [failure(`${name} is not valid before ${day(validFrom)}, and this host has ${day(now)}`, clock)];
  }
  const days = Math.floor((validTo.getTime() - now.getTime()) / DAY_MS);
  if (days < 0) return [failure(`${name} expired on ${day(validTo)}`, remedy)];
  return days < SOON_DAYS ? [warning(`${name} expires in ${days} days`, remedy)] : [];
}
