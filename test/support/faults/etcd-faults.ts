/** Faults of etcd and of the certificates between it and the hosts. The lab's etcd has three members and TLS. */
import type { Lab } from '../lab/lab.js';
import { type Fault, sh } from './fault.js';

const TLS = '/etc/xnet/tls';
const CURL = `curl -sf --cacert ${TLS}/ca.pem --cert ${TLS}/client.pem --key ${TLS}/client-key.pem`;
const WRONG_CA = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /tmp/other-key.pem -out /tmp/other.pem -subj /CN=other 2>/dev/null`;
/** A certificate for the key that xnet has. `validity`: options of openssl-req(1). */
const certify = (validity: string) =>
  `cp ${TLS}/client.pem /tmp/client.pem && openssl req -x509 -key ${TLS}/client-key.pem ${validity} -subj /CN=xnet -out ${TLS}/client.pem 2>/dev/null`;
const giveBack = sh('h1', `cp /tmp/client.pem ${TLS}/client.pem`);

/** etcd runs for a moment every 0.4 s: no answer takes less. */
const SLOW =
  '$p = `pgrep -x etcd`; while (1) { kill "STOP", $p; select undef, undef, undef, 0.4; kill "CONT", $p; select undef, undef, undef, 0.002 }';

const withMembers = (members: readonly string[], action: 'start' | 'stop') => async (lab: Lab) => {
  for (const member of members) await lab.etcd(action, member);
};

export const ETCD_FAULTS: readonly Fault[] = [
  {
    ...{ name: 'etcd has lost its majority', on: 'h1', check: 'etcd' },
    inject: withMembers(['etcd2', 'etcd3'], 'stop'),
    found: /etcd at https:\S+ has no leader, so that nothing can be written/,
  },
  {
    ...{ name: 'etcd is full', on: 'h1', check: 'etcd' },
    inject: async (lab) => {
      const alarm = '{"action":"ACTIVATE","alarm":"NOSPACE"}';
      await sh('h1', `${CURL} https://${await lab.ip('etcd1')}:2379/v3/maintenance/alarm -d '${alarm}'`)(lab);
    },
    found: /etcd has the alarm NOSPACE: it is full, and takes no writes/,
  },
  {
    ...{ name: 'a member of etcd is slow', on: 'h1', check: 'etcd', verdict: 'warning' },
    inject: sh('etcd2', `setsid perl -e '${SLOW}' >/dev/null 2>&1 & echo $! >/tmp/slow.pid`),
    found: /etcd at https:\S+ takes \d+ ms to answer/,
    byHand: {
      remedy: /look at its disk and at the network between/,
      mend: sh('etcd2', 'kill $(cat /tmp/slow.pid); pkill -CONT -x etcd'),
    },
  },
  {
    ...{ name: 'the certificate will soon expire', on: 'h1', check: 'certificates', verdict: 'warning' },
    inject: sh('h1', certify('-days 4')),
    found: /etcdCert expires in 3 days/,
    byHand: { remedy: /put a new one in its place/, mend: giveBack },
  },
  {
    ...{ name: 'the certificate has expired', on: 'h1', check: 'certificates' },
    inject: sh('h1', certify('-not_before 20250101000000Z -not_after 20260101000000Z')),
    found: /etcdCert expired on 2026-01-01/,
    byHand: { remedy: /put a new one in its place/, mend: giveBack },
  },
  {
    ...{ name: 'the CA is another one', on: 'h3', check: 'etcd' },
    inject: async (lab) => {
      await sh('h3', WRONG_CA)(lab);
      await lab.xnet('h3', 'restart', '--', '--etcd-ca', '/tmp/other.pem');
    },
    found: /etcd at https:\S+ does not answer: its certificate is not of the given CA/,
    byHand: { remedy: /let etcdCa .* be the CA/, mend: (lab) => lab.xnet('h3', 'restart', '--') },
  },
];
