import { access } from 'node:fs/promises';
import { runProgram } from '../../../dataplane/iproute2/program.js';
import { parseUnits, UNIT_PROPERTIES, UNITS } from '../../../doctor/unit-checks.js';
import { upkeepOf } from '../../../upkeep.js';

/** Where systemd runs (sd_booted(3)). */
const SYSTEMD = '/run/systemd/system';
const PATIENCE_MS = 3_000;

/** undefined: no systemd, or xnet is a managed plugin, which Docker starts. Throws TIMEOUT, UNSUPPORTED. */
export async function readUnits(pluginId: string | undefined) {
  if (pluginId !== undefined || !(await hasSystemd())) return undefined;
  const asked = ['show', ...UNITS, `--property=${UNIT_PROPERTIES.join(',')}`];
  const { stdout } = await runProgram('systemctl', asked, '', PATIENCE_MS);
  return parseUnits(stdout);
}

/** What starts xnet anew, with its sockets and files: a command, or words where nothing manages it. */
export async function restartOf(pluginId: string | undefined): Promise<string> {
  if (pluginId !== undefined || (await hasSystemd()))
    return upkeepOf(pluginId).restart('xnet.socket xnet.service');
  return 'end xnet serve, and start it again as it was started; on this host no systemd does it';
}

function hasSystemd(): Promise<boolean> {
  return access(SYSTEMD).then(
    () => true,
    () => false,
  );
}
