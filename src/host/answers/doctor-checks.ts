/** What the doctor looks at, in the order of its answer, and by which facts. */
import { Cluster, readAll } from '../../admin/cluster.js';
import type { Status } from '../../admin/status-answer.js';
import { storeSettings } from '../../config/store-settings.js';
import { certificatesOf, certificatesOfMembers, judgeCertificates } from '../../doctor/certificate-checks.js';
import { judgeDoubles, judgeHosts } from '../../doctor/cluster-checks.js';
import { judgeDisk, readDisk } from '../../doctor/disk-checks.js';
import { type Check, ok } from '../../doctor/finding.js';
import {
  judgeKernel,
  judgeOpenFiles,
  readKernelSettings,
  readOpenFiles,
} from '../../doctor/kernel-checks.js';
import { askPlugin, judgePlugin, readModes } from '../../doctor/plugin-checks.js';
import { judgeDocker, judgeKeeper, judgeProblems, judgeRepairs } from '../../doctor/status-checks.js';
import { etcdctlOf, judgeClock, judgeMembers } from '../../doctor/store-checks.js';
import { judgeUnits } from '../../doctor/unit-checks.js';
import { endpointRecord } from '../../model/endpoint.js';
import { hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import type { Foundation } from '../foundation.js';
import { packetChecks } from './doctor-packet-checks.js';
import { readUnits } from './doctor-units.js';
import { knownReader } from './known-reader.js';

/** Repairs of so long ago are shown. */
const HOUR_MS = 3_600_000;

/** Of this host. */
export function hostChecks(foundation: Foundation, status: Status): Check[] {
  const { config, events } = foundation;
  const since = new Date(Date.now() - HOUR_MS).toISOString();
  return [
    { name: 'status', look: async () => judgeProblems(status) },
    ...storeChecks(foundation),
    { name: 'docker', look: async () => judgeDocker(status, config.dockerHost) },
    { name: 'plugin', look: () => lookAtPlugin(foundation) },
    { name: 'units', look: async () => judgeUnits(await readUnits(foundation.pluginId)) },
    { name: 'keeper', look: async () => judgeKeeper(status) },
    { name: 'drift', look: async () => judgeRepairs(await events.list(since)) },
    { name: 'kernel', look: async () => judgeKernel(await readKernelSettings()) },
    { name: 'files', look: async () => judgeOpenFiles(await readOpenFiles()) },
    { name: 'disk', look: async () => judgeDisk(await readDisk(config.stateDir)) },
    ...packetChecks(foundation, status),
  ];
}

async function lookAtPlugin({ config: { socket, adminSocket }, pluginId }: Foundation) {
  const [answer, modes] = await Promise.all([askPlugin(socket), readModes([socket, adminSocket])]);
  const restart =
    pluginId === undefined
      ? 'systemctl restart xnet.socket xnet.service'
      : `docker plugin disable -f ${pluginId} && docker plugin enable ${pluginId}`;
  return judgePlugin(answer, modes, restart);
}

function storeChecks({ store, config }: Foundation): Check[] {
  if (!store.members) return [{ name: 'store', look: async () => [ok(store.description)] }];
  const asked = store.members();
  const certificates = async () => {
    const own = certificatesOf(storeSettings(config).tls);
    return judgeCertificates([...own, ...certificatesOfMembers(await asked)], new Date());
  };
  const members = async () => judgeMembers(await asked, etcdctlOf(await asked, config));
  return [
    { name: 'etcd', look: members },
    { name: 'clock', look: async () => judgeClock(await asked, Date.now()) },
    { name: 'certificates', look: certificates },
  ];
}

/** Of the cluster, as the host that is asked sees it. */
export function clusterChecks(
  { store: all, hostId: id, config, version }: Foundation,
  { host }: Status,
): Check[] {
  const store = knownReader(all);
  const cluster = Cluster.read(store);
  // Each check that waits for it says why there is none.
  cluster.catch(() => undefined);
  const own = { id, name: host.name, vxlanPort: config.vxlanPort, xnetVersion: version };
  const hosts = async () => {
    const { records } = await readAll(store, keys.hosts(), hostRecord);
    const known = await cluster;
    return judgeHosts(own, records, (hostId) => known.hostOf(hostId).state !== 'silent');
  };
  const doubles = async () => {
    const { records } = await readAll(store, keys.endpoints(), endpointRecord);
    const known = await cluster;
    const network = (networkId: string) => known.nameOf(networkId) ?? networkId;
    return judgeDoubles(records, { network, host: (hostId) => known.hostOf(hostId).name ?? hostId });
  };
  return [
    { name: 'hosts', look: hosts },
    { name: 'doubles', look: doubles },
  ];
}
