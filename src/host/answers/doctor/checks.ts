/** What the doctor looks at, in the order of its answer, and by which facts. */
import { Cluster, type Reader, readAll } from '../../../admin/cluster.js';
import type { Status } from '../../../admin/status-answer.js';
import { storeSettings } from '../../../config/store-settings.js';
import { IN_A_PLUGIN, ON_THE_HOST } from '../../../docker/container-directories.js';
import {
  certificatesOf,
  certificatesOfMembers,
  judgeCertificates,
} from '../../../doctor/certificate-checks.js';
import { judgeDoubles, judgeHosts } from '../../../doctor/cluster-checks.js';
import { judgeDisk, readDisk } from '../../../doctor/disk-checks.js';
import { type Check, ok } from '../../../doctor/finding.js';
import {
  judgeKernel,
  judgeOpenFiles,
  readKernelSettings,
  readOpenFiles,
} from '../../../doctor/kernel-checks.js';
import { askPlugin, judgePlugin, readModes } from '../../../doctor/plugin-checks.js';
import { judgeDenied } from '../../../doctor/policy/policy-checks.js';
import { judgeDocker, judgeKeeper, judgeProblems, judgeRepairs } from '../../../doctor/status-checks.js';
import { etcdctlOf, judgeClock, judgeMembers } from '../../../doctor/store-checks.js';
import { judgeUnits } from '../../../doctor/unit-checks.js';
import { endpointRecord } from '../../../model/endpoint.js';
import { hostRecord } from '../../../model/host.js';
import { keys } from '../../../model/keys.js';
import { upkeepOf } from '../../../upkeep.js';
import type { Foundation } from '../../foundation.js';
import { packetChecks } from './packet-checks.js';
import { findPolicyFaults } from './policy-findings.js';
import { readUnits, reloadOf, restartOf } from './units.js';

/** Repairs of so long ago are shown. */
const HOUR_MS = 3_600_000;

/** What the checks look at: of a host that runs, or of one without a daemon (src/offline/). */
export interface Looked extends Pick<Foundation, 'config' | 'hostId' | 'version' | 'pluginId'> {
  readonly dataplane: Pick<
    Foundation['dataplane'],
    'reading' | 'lanParent' | 'listNetworks' | 'containerMtu'
  >;
  readonly store: Pick<Foundation['store'], 'description' | 'members'>;
  readonly events: Pick<Foundation['events'], 'list'>;
  /** MTU of the interface with this MAC in the container of an endpoint; undefined: not known. Absent: of none. */
  readonly innerMtu?: (endpointId: string, mac: string) => Promise<number | undefined>;
  /** Reads what is known of the cluster. */
  readonly reader: Reader;
}

/** Of this host. */
export function hostChecks(looked: Looked, status: Status): Check[] {
  const { config, events } = looked;
  const upkeep = upkeepOf(looked.pluginId);
  const since = new Date(Date.now() - HOUR_MS).toISOString();
  return [
    { name: 'status', look: async () => judgeProblems(status) },
    ...storeChecks(looked),
    { name: 'docker', look: async () => judgeDocker(status, config.dockerHost, upkeep) },
    { name: 'plugin', look: () => lookAtPlugin(looked) },
    { name: 'units', look: async () => judgeUnits(await readUnits(looked.pluginId)) },
    { name: 'keeper', look: async () => judgeKeeper(status, upkeep) },
    { name: 'drift', look: async () => judgeRepairs(await events.list(since), upkeep) },
    { name: 'denied', look: async () => judgeDenied(await events.list(since)) },
    { name: 'kernel', look: async () => judgeKernel(await readKernelSettings()) },
    { name: 'files', look: async () => judgeOpenFiles(await readOpenFiles(hostOf(looked).proc), upkeep) },
    { name: 'disk', look: async () => judgeDisk(await readDisk(config.stateDir), upkeep) },
    ...packetChecks(looked, status),
  ];
}

/** Process numbers and paths in a managed plugin are not those of the host, on which a remedy is run. */
function hostOf({ pluginId }: Looked) {
  return pluginId === undefined ? ON_THE_HOST : IN_A_PLUGIN;
}

async function lookAtPlugin({ config: { socket, adminSocket }, pluginId }: Looked) {
  const [answer, modes] = await Promise.all([askPlugin(socket), readModes([socket, adminSocket])]);
  return judgePlugin(
    answer,
    modes,
    await restartOf(pluginId, 'xnet.socket xnet.service'),
    upkeepOf(pluginId),
  );
}

function storeChecks({ store, config, pluginId }: Looked): Check[] {
  if (!store.members) return [{ name: 'store', look: async () => [ok(store.description)] }];
  const asked = store.members();
  const reload = () => reloadOf(pluginId);
  const certificates = async () => {
    const own = certificatesOf(storeSettings(config).tls, await reload());
    return judgeCertificates([...own, ...certificatesOfMembers(await asked)], new Date());
  };
  const members = async () => judgeMembers(await asked, etcdctlOf(await asked, config), await reload());
  return [
    { name: 'etcd', look: members },
    { name: 'clock', look: async () => judgeClock(await asked, Date.now()) },
    { name: 'certificates', look: certificates },
  ];
}

/** Of the cluster, as the host that is asked sees it. */
export function clusterChecks(
  { reader, hostId: id, config, version }: Pick<Looked, 'reader' | 'hostId' | 'config' | 'version'>,
  { host }: Status,
): Check[] {
  const cluster = Cluster.read(reader);
  // Each check that waits for it says why there is none.
  cluster.catch(() => undefined);
  const own = { id, name: host.name, vxlanPort: config.vxlanPort, xnetVersion: version };
  const hosts = async () => {
    const { records } = await readAll(reader, keys.hosts(), hostRecord);
    const known = await cluster;
    return judgeHosts(own, records, (hostId) => known.hostOf(hostId).state !== 'silent');
  };
  const doubles = async () => {
    const { records } = await readAll(reader, keys.endpoints(), endpointRecord);
    const known = await cluster;
    const network = (networkId: string) => known.nameOf(networkId) ?? networkId;
    return judgeDoubles(records, { network, host: (hostId) => known.hostOf(hostId).name ?? hostId });
  };
  return [
    { name: 'hosts', look: hosts },
    { name: 'doubles', look: doubles },
    { name: 'policies', look: () => findPolicyFaults(reader, cluster) },
  ];
}
