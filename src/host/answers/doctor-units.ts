import { access } from 'node:fs/promises';
import { runProgram } from '../../dataplane/iproute2/program.js';
import { parseUnits, UNIT_PROPERTIES, UNITS } from '../../doctor/unit-checks.js';

/** Where systemd runs (sd_booted(3)). */
const SYSTEMD = '/run/systemd/system';
const PATIENCE_MS = 3_000;

/** undefined: no systemd, or xnet is a managed plugin, which Docker starts. Throws TIMEOUT, UNSUPPORTED. */
export async function readUnits(pluginId: string | undefined) {
  const isBooted = await access(SYSTEMD).then(
    () => true,
    () => false,
  );
  if (!isBooted || pluginId !== undefined) return undefined;
  const asked = ['show', ...UNITS, `--property=${UNIT_PROPERTIES.join(',')}`];
  const { stdout } = await runProgram('systemctl', asked, '', PATIENCE_MS);
  return parseUnits(stdout);
}
