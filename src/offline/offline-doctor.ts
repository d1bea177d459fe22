import type { Answer } from '../admin/operations.js';
import type { Status } from '../admin/status-answer.js';
import { LinuxDataplane } from '../dataplane/linux-dataplane.js';
import { findOwnPlugin } from '../docker/own-plugin.js';
import { examine } from '../doctor/finding.js';
import { clusterChecks, hostChecks, type Looked } from '../host/answers/doctor/checks.js';
import type { OfflineParts } from './parts.js';
import { askMembers } from './surroundings.js';

/**
 * Left out: what only a daemon can say of itself (`files`: those of this process are another's), what needs the underlay that it
 * has chosen, and `plugin`: a connection to a socket that systemd holds would start xnet.
 */
const OF_DAEMON = ['plugin', 'keeper', 'files', 'routes', 'mtu'];

/** The checks that need no daemon. With `isAll` it says that other hosts were not asked. Throws as `readOfflineStatus`. */
export async function consultOfflineDoctor(
  parts: OfflineParts,
  status: Status,
  isAll: boolean,
): Promise<Answer<'doctor'>> {
  const { config, known, version } = parts;
  await using dataplane = new LinuxDataplane({ vxlanPort: config.vxlanPort });
  const members = async () => (await askMembers(config, known.store)) ?? [];
  // Of a cluster that this host has never reached nothing is known but its setting.
  const isEtcd = config.store !== 'embedded' || known.store.startsWith('etcd ');
  const store = { description: known.store, ...(isEtcd && { members }) };
  const { hostId, reader } = known;
  const events = { list: known.events };
  const pluginId = await findOwnPlugin();
  const looked: Looked = { store, config, dataplane, version, hostId, reader, events, pluginId };
  const checks = [...hostChecks(looked, status), ...clusterChecks(looked, status)];
  const findings = await examine(checks.filter(({ name }) => !OF_DAEMON.includes(name)));
  const unasked = { host: 'other hosts', findings: [], refusal: 'not asked: no daemon runs on this host' };
  return { hosts: [{ host: status.host.name, findings }, ...(isAll ? [unasked] : [])] };
}
