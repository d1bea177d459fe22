/** Faults of the units of an installed xnet, on a host that boots systemd. */
import { type Fault, sh } from './fault.js';

const UNITS = '/etc/systemd/system';

export const SYSTEMD_FAULTS: readonly Fault[] = [
  {
    ...{ name: 'the socket is not enabled', on: 'h1', check: 'units' },
    inject: sh('h1', 'systemctl disable xnet.socket'),
    found: /^xnet.socket will not be started at a boot/,
  },
  {
    ...{ name: 'a unit was changed and not read again', on: 'h1', check: 'units', verdict: 'warning' },
    inject: sh(
      'h1',
      `rm ${UNITS}/docker.service.d/xnet.conf && sed -i /^Before=docker/d ${UNITS}/xnet.service ${UNITS}/xnet.socket`,
    ),
    found: /not read again by systemd: .*docker.service/,
  },
  {
    // By what the fault before has changed.
    ...{ name: 'Docker does not wait for xnet', on: 'h1', check: 'units' },
    inject: sh('h1', 'systemctl show docker.service'),
    found: /docker.service does not wait for xnet at a boot/,
    after: sh('h1', `rm ${UNITS}/docker.service.d/xnet-order.conf`),
  },
  {
    ...{ name: "the plugin's socket is gone", on: 'h1', check: 'plugin' },
    inject: sh('h1', 'rm /run/docker/plugins/xnet.sock'),
    found: /Docker does not reach xnet at \S+: there is no such file/,
  },
  {
    ...{ name: 'Docker is stopped', on: 'h1', check: 'docker' },
    inject: sh(
      'h1',
      'systemctl stop docker.service docker.socket 2>/dev/null || systemctl stop docker.service',
    ),
    found: /Docker does not answer/,
  },
];
