import { access } from 'node:fs/promises';
import { runProgram } from '../../../dataplane/iproute2/program.js';
import { RELOAD } from '../../../doctor/store-checks.js';
import { parseUnits, UNIT_PROPERTIES, UNITS } from '../../../doctor/unit-checks.js';
import { upkeepOf } from '../../../upkeep.js';

/** Where systemd runs (sd_booted(3)). */
const SYSTEMD = '/run/systemd/system';
/** Of a program that hangs; its answer is not waited for so long (doctor/finding.ts). */
const PATIENCE_MS = 10_000;
const UNMANAGED = 'on this host no systemd does it';

/** undefined: no systemd, or xnet is a managed plugin, which Docker starts. Throws TIMEOUT, UNSUPPORTED. */
export async function readUnits(pluginId: string | undefined) {
  if (pluginId !== undefined || !(await hasSystemd())) return undefined;
  const asked = ['show', ...UNITS, `--property=${UNIT_PROPERTIES.join(',')}`];
  const { stdout } = await runProgram('systemctl', asked, '', PATIENCE_MS);
  return parseUnits(stdout);
}

/** What starts xnet anew, or these units of it: a command, or a comment where nothing manages it. */
export async function restartOf(pluginId: string | undefined, units?: string): Promise<string> {
  if (pluginId !== undefined || (await hasSystemd())) return upkeepOf(pluginId).restart(units);
  return `# end xnet serve, and start it again as it was started; ${UNMANAGED}`;
}

/** What lets xnet read its settings and files anew, as `restartOf`. A plugin reads them when it is enabled. */
export async function reloadOf(pluginId: string | undefined): Promise<string> {
  if (pluginId !== undefined) return restartOf(pluginId);
  return (await hasSystemd()) ? RELOAD : `# send SIGHUP to xnet serve; ${UNMANAGED}`;
}

function hasSystemd(): Promise<boolean> {
  return access(SYSTEMD).then(
    () => true,
    () => false,
  );
}
