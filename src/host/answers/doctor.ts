import { findings } from '../../admin/answers.js';
import { Cluster, readAll } from '../../admin/cluster.js';
import type { Answer } from '../../admin/operations.js';
import type { Status } from '../../admin/status-answer.js';
import type { Handler } from '../../agent/questions/answering.js';
import { askHosts } from '../../agent/questions/asking.js';
import { storeSettings } from '../../config/store-settings.js';
import { judgeDoubles, judgeHosts } from '../../doctor/cluster-checks.js';
import { type Check, examine, ok } from '../../doctor/finding.js';
import {
  judgeFirewall,
  judgeKernel,
  judgeSpace,
  judgeSubnets,
  readKernelSettings,
  readNameServers,
} from '../../doctor/host-checks.js';
import { judgeDocker, judgeKeeper, judgeProblems, judgeRepairs } from '../../doctor/status-checks.js';
import { certificatesOf, judgeCertificates, judgeClock, judgeMembers } from '../../doctor/store-checks.js';
import { endpointRecord } from '../../model/endpoint.js';
import { hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import type { Foundation } from '../foundation.js';
import type { Host } from '../host.js';
import { findAddressFaults } from './address-findings.js';
import { knownReader } from './known-reader.js';
import { livingOthers, NO_OTHERS } from './living-hosts.js';
import { findPathFaults } from './path-findings.js';

export const DOCTOR = 'doctor';
/** Longer than a check may take there, on a busy machine. */
const PATIENCE_MS = 9_000;

/** What the doctor looks at on this host, in the order of its answer. */
function hostChecks(foundation: Foundation, status: Status, host: Host | undefined): Check[] {
  const { config, dataplane } = foundation;
  return [
    { name: 'status', look: async () => judgeProblems(status) },
    ...storeChecks(foundation),
    { name: 'docker', look: async () => judgeDocker(status) },
    { name: 'keeper', look: async () => judgeKeeper(status) },
    { name: 'drift', look: async () => judgeRepairs(status) },
    { name: 'kernel', look: async () => judgeKernel(await readKernelSettings()) },
    { name: 'space', look: () => judgeSpace(config.stateDir) },
    {
      name: 'firewall',
      look: async () => judgeFirewall(await dataplane.findPacketDrops(), config.vxlanPort),
    },
    { name: 'paths', look: () => findPathFaults(foundation, host) },
    { name: 'addresses', look: () => findAddressFaults(host) },
    {
      name: 'subnets',
      look: async () =>
        judgeSubnets(networksOf(status), await foreignRoutes(foundation), await readNameServers()),
    },
  ];
}

function storeChecks({ store, config }: Foundation): Check[] {
  const members = store.members?.() ?? Promise.resolve([]);
  const isEtcd = store.members !== undefined;
  const certificates = async () => judgeCertificates(certificatesOf(storeSettings(config).tls), new Date());
  if (!isEtcd) return [{ name: 'store', look: async () => [ok(store.description)] }];
  return [
    { name: 'etcd', look: async () => judgeMembers(await members) },
    { name: 'clock', look: async () => judgeClock(await members, Date.now()) },
    { name: 'certificates', look: certificates },
  ];
}

function clusterChecks({ store: all, hostId, config, version }: Foundation): Check[] {
  const store = knownReader(all);
  const own = { id: hostId, vxlanPort: config.vxlanPort, xnetVersion: version };
  const hosts = async () => judgeHosts(own, (await readAll(store, keys.hosts(), hostRecord)).records);
  const doubles = async () => {
    const [cluster, { records }] = await Promise.all([
      Cluster.read(store),
      readAll(store, keys.endpoints(), endpointRecord),
    ]);
    const network = (id: string) => cluster.nameOf(id) ?? id;
    const host = (id: string) => cluster.hostOf(id).name ?? id;
    return judgeDoubles(records, { network, host });
  };
  return [
    { name: 'hosts', look: hosts },
    { name: 'doubles', look: doubles },
  ];
}

function networksOf({ networks }: Status): { readonly name: string; readonly subnets: readonly string[] }[] {
  return networks.map(({ name, id, subnets }) => ({ name: name ?? id, subnets }));
}

/** Docker's own are to its containers. */
async function foreignRoutes({ dataplane }: Foundation) {
  return (await dataplane.listRoutes()).filter(({ device }) => !/^(docker|br-)/.test(device));
}

/** This host's findings, and with `isAll` those of every other host that is alive. Throws the store's errors. */
export async function consultDoctor(
  foundation: Foundation,
  status: Status,
  isAll: boolean,
  host: Host | undefined,
): Promise<Answer<'doctor'>> {
  const { store, hostId } = foundation;
  const own = examine([...hostChecks(foundation, status, host), ...clusterChecks(foundation)]);
  const { hosts: others, refusals } = isAll ? await livingOthers(store, hostId) : NO_OTHERS;
  const question = { kind: DOCTOR, parameters: {}, hostIds: others.map(({ id }) => id) };
  const answers = await askHosts(store, hostId, question, PATIENCE_MS);
  const ofOthers = answers.map(({ values, refusal }, index) => {
    const parsed = findings.safeParse(values[0] ?? []);
    const unreadable = parsed.success ? undefined : 'its answer cannot be read; is its xnet newer?';
    const reason = refusal ?? unreadable;
    return {
      host: others[index]?.name ?? '',
      findings: parsed.data ?? [],
      ...(reason !== undefined && { refusal: reason }),
    };
  });
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
    yield await examine(hostChecks(foundation, await readStatus(), host()));
  };
}
