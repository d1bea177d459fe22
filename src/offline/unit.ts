import { access } from 'node:fs/promises';
import { runProgram } from '../dataplane/iproute2/program.js';

const UNIT = 'xnet.service';
const PROPERTIES = [
  'LoadState',
  'ActiveState',
  'SubState',
  'Result',
  'ExecMainStatus',
  'StateChangeTimestamp',
];
const LOOK_MS = 2_000;

/**
 * What systemd says of xnet's unit, in a few words; undefined: systemd does not run here (sd_booted(3)), or has no such unit.
 * Never rejects.
 */
export async function describeUnit(): Promise<string | undefined> {
  try {
    await access('/run/systemd/system');
    const args = ['show', UNIT, `--property=${PROPERTIES.join(',')}`];
    const { stdout } = await runProgram('systemctl', args, '', LOOK_MS);
    return formatUnit(stdout);
  } catch {
    return undefined;
  }
}

/** Of the lines of `systemctl show`. Pure. */
export function formatUnit(text: string): string | undefined {
  const found = new Map(text.split('\n').map((line) => [line.split('=', 1)[0], line.replace(/^[^=]*=/, '')]));
  const value = (name: string) => found.get(name) ?? '';
  if (value('LoadState') !== 'loaded') return undefined;
  const since = value('StateChangeTimestamp') === '' ? '' : ` since ${value('StateChangeTimestamp')}`;
  const code = value('ExecMainStatus');
  const end = value('Result') === 'success' || value('Result') === '' ? '' : `, ${value('Result')} ${code}`;
  return `${UNIT} is ${value('ActiveState')} (${value('SubState')}${end})${since}`;
}
