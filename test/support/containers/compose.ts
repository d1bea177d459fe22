/** Docker Compose in a lab: project `app` of each host, with one service on one network. */
import { expect } from '@jest/globals';
import type { Lab } from '../lab/lab.js';
import { eventually } from '../time/eventually.js';

/** A Compose file of one service on one network, whose lines are given. */
export function composeFile(service: string, ...network: string[]): string {
  return [
    'services:',
    `  ${service}:`,
    '    image: tools',
    '    pull_policy: never',
    '    command: sleep 1d',
    '    stop_signal: SIGKILL',
    'networks:',
    '  default:',
    ...network.map((line) => `    ${line}`),
    '',
  ].join('\n');
}

/** The lines of a network that is xnet's, with its IPAM. */
export const XNET_NETWORK = ['driver: xnet', 'ipam:', '  driver: xnet'];

export async function putFile(lab: Lab, host: string, file: string): Promise<void> {
  const script = 'mkdir -p /srv/app; printf %s "$1" >/srv/app/compose.yaml';
  await lab.in(host, 'sh', '-c', script, 'sh', file);
}

/** `docker compose` on the file of project `app`. */
export function compose(lab: Lab, host: string, ...args: string[]): Promise<string> {
  return lab.in(host, 'docker', 'compose', '--project-directory', '/srv/app', ...args);
}

/** On the host, for all of the file's services. */
export async function bringUp(lab: Lab, host: string, file: string): Promise<void> {
  await putFile(lab, host, file);
  await compose(lab, host, 'up', '-d');
}

/** Resolves when a service's container on `from` reaches that of a service on `to`, at its address and by name. */
export async function expectReached(
  lab: Lab,
  [from, service]: [string, string],
  [to, other]: [string, string],
) {
  const exec = (host: string, name: string, ...command: string[]) =>
    compose(lab, host, 'exec', '-T', name, ...command);
  const address = await exec(to, other, 'hostname', '-i');
  await exec(from, service, 'ping', '-c', '1', '-w', '15', address);
  await eventually(async () => {
    const found = await exec(from, service, 'getent', 'ahostsv4', other);
    expect(found).toContain(address);
  });
}
