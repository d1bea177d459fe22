import { findings } from '../../../admin/diagnosis-answers.js';
import type { Answer } from '../../../admin/operations.js';
import type { Status } from '../../../admin/status-answer.js';
import type { Handler } from '../../../agent/questions/answering.js';
import { type Check, examine } from '../../../doctor/finding.js';
import type { Foundation } from '../../foundation.js';
import type { Host } from '../../host.js';
import { othersProblems } from '../../own-problems.js';
import { askEach } from '../ask-each.js';
import { knownReader } from '../known-reader.js';
import { livingOthers, NO_OTHERS } from '../living-hosts.js';
import { findAddressFaults, findInnerMtu } from './address-findings.js';
import { clusterChecks, hostChecks, type Looked } from './checks.js';
import { findEncryptionFaults } from './encryption-findings.js';
import { findPathFaults } from './path-findings.js';
import { answerOf, withoutSaidElsewhere } from './said-elsewhere.js';

export const DOCTOR = 'doctor';
/** Longer than a check may take there, on a busy machine. */
const PATIENCE_MS = 9_000;

/** This host's findings, and with `isAll` those of every other host that is alive. Never rejects. */
export async function consultDoctor(
  foundation: Foundation,
  status: Status,
  isAll: boolean,
  host: Host | undefined,
): Promise<Answer<'doctor'>> {
  const { store, hostId } = foundation;
  const looked = lookedAt(foundation, host);
  const { hosts: others, refusals } = isAll ? await livingOthers(store, hostId) : NO_OTHERS;
  const asked = others.map(({ name }) => name);
  const own = withoutSaidElsewhere(foundation, host, status, asked).then((judged) =>
    examine([
      ...hostChecks(looked, judged),
      ...pathChecks(foundation, host),
      ...clusterChecks(looked, judged),
    ]),
  );
  const question = { kind: DOCTOR, parameters: {}, hostIds: others.map(({ id }) => id) };
  const replies = await askEach(foundation, question, findings, PATIENCE_MS);
  const said = host ? othersProblems(host, hostId) : [];
  const ofOthers = replies.map((reply, index) => answerOf(others[index]?.name ?? '', reply, said));
  const unasked = refusals.map((each) => ({ ...each, findings: [] }));
  return { hosts: [{ host: status.host.name, findings: await own }, ...ofOthers, ...unasked] };
}

/**
 * Answers the doctor's question of another host: of this one alone. The asker looks at the cluster itself; were each host to read all
 * endpoints for it, at once, etcd would have to send them a thousand times in a cluster of a thousand.
 */
export function doctorHandler(
  foundation: Foundation,
  readStatus: () => Promise<Status>,
  host: () => Host | undefined,
): Handler {
  return async function* () {
    const known = host();
    const all = known?.hosts.list().map(({ host: { name } }) => name) ?? [];
    const status = await withoutSaidElsewhere(foundation, known, await readStatus(), all);
    yield await examine([
      ...hostChecks(lookedAt(foundation, known), status),
      ...pathChecks(foundation, known),
    ]);
  };
}

function lookedAt(foundation: Foundation, host: Host | undefined): Looked {
  const reader = knownReader(foundation.store);
  if (!host) return { ...foundation, reader };
  return { ...foundation, reader, innerMtu: (endpointId, mac) => findInnerMtu(host, endpointId, mac) };
}

/** What only a daemon can measure, or knows of its containers; `host` is undefined while it is not started. */
function pathChecks(foundation: Foundation, host: Host | undefined): Check[] {
  return [
    { name: 'paths', look: () => findPathFaults(foundation, host) },
    { name: 'encryption', look: () => findEncryptionFaults(foundation, host) },
    { name: 'addresses', look: () => findAddressFaults(host) },
  ];
}
