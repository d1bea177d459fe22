/** The units of systemd that start xnet before Docker. Pure. */
import { allWell, failure, type Judgement, ok, warning } from './finding.js';

/** What is asked of these units, by `systemctl show`. */
export const UNITS = ['xnet.socket', 'xnet.service', 'docker.service'] as const;
export const UNIT_PROPERTIES = ['Id', 'LoadState', 'UnitFileState', 'After', 'NeedDaemonReload'] as const;

type Unit = Readonly<Partial<Record<(typeof UNIT_PROPERTIES)[number], string>>>;

/** Of the output of `systemctl show`: a paragraph for each unit, a property in each line. */
export function parseUnits(text: string): Map<string, Unit> {
  const units = text
    .split('\n\n')
    .map(
      (paragraph): Unit =>
        Object.fromEntries([...paragraph.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value])),
    );
  return new Map(units.map((unit) => [unit.Id ?? '', unit]));
}

/** undefined: this host has no systemd, or it does not run xnet. */
export function judgeUnits(units: ReadonlyMap<string, Unit> | undefined): readonly Judgement[] {
  const installed = UNITS.filter((name) => units?.get(name)?.LoadState === 'loaded');
  if (!units || !installed.includes('xnet.service'))
    return [ok('xnet is not a service of systemd on this host')];
  // Docker may be started by its socket.
  const disabled = installed.filter(
    (name) => name.startsWith('xnet') && units.get(name)?.UnitFileState === 'disabled',
  );
  const stale = installed.filter((name) => units.get(name)?.NeedDaemonReload === 'yes');
  const after = units.get('docker.service')?.After?.split(' ') ?? [];
  const isUnordered =
    installed.includes('docker.service') &&
    ['xnet.socket', 'xnet.service'].some(
      (name) => installed.some((unit) => unit === name) && !after.includes(name),
    );
  return allWell(
    [
      ...(disabled.length > 0
        ? [
            failure(
              `${disabled.join(' and ')} will not be started at a boot: after the next one the containers have no network`,
              `systemctl enable ${disabled.join(' ')}`,
            ),
          ]
        : []),
      ...(isUnordered
        ? [
            failure(
              'docker.service does not wait for xnet at a boot: Docker then waits 15 s for each network, and containers stay down',
              'mkdir -p /etc/systemd/system/docker.service.d && ' +
                "printf '[Unit]\\nAfter=xnet.socket xnet.service\\n' >/etc/systemd/system/docker.service.d/xnet-order.conf && " +
                'systemctl daemon-reload',
            ),
          ]
        : []),
      ...(stale.length > 0
        ? [
            warning(
              `changed on disk, and not read again by systemd: ${stale.join(', ')}`,
              'systemctl daemon-reload',
            ),
          ]
        : []),
    ],
    'systemd starts xnet at a boot, and Docker after it',
  );
}
