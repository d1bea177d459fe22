/** The hosts of the cluster: their list, and the removal of one. */
import type { Command } from 'commander';
import { shortName } from '../../observability/layout.js';
import { askDaemon } from '../ask/ask-daemon.js';
import { adminSocket, asks } from '../options.js';
import { table } from '../output/output.js';
import { type AskOptions, printAnswer } from '../output/print-answer.js';
import { HOSTS } from './tables.js';

export function addHost(program: Command): void {
  const host = program.command('host').description('list the hosts of the cluster, or remove one for good');
  asks(host.command('ls')).description('list the hosts of the cluster, also silent ones').action(printHosts);
  host
    .command('rm <host>')
    .description(
      'forget a silent host (name or id) that will not come back, with all that it has in the cluster',
    )
    .addOption(adminSocket())
    .action(removeHost);
  host
    .command('rotate-key')
    .description('change the key with which this host encrypts, without a lost packet; takes some 20 seconds')
    .addOption(adminSocket())
    .action(rotateKey);
}

export const printHosts = (options: AskOptions) =>
  printAnswer('hosts', {}, options, {
    asTable: (hosts, screen) => table(hosts, HOSTS, screen),
    isOld: (hosts) => hosts.some(({ alive }) => alive === undefined),
  });

/** `xnet host rm`: forgets a host that will not come back. */
export async function removeHost(
  host: string,
  { adminSocket }: Pick<AskOptions, 'adminSocket'>,
): Promise<void> {
  const { id, name, endpoints, networks } = await askDaemon(adminSocket, 'removeHost', { host });
  process.stdout.write(
    `${shortName(name ?? id)} removed, with ${endpoints ?? 0} endpoints in ${networks ?? 0} networks\n`,
  );
}

/** `xnet host rotate-key`: begins it; xnet does it by itself every 30 days. */
async function rotateKey({ adminSocket }: Pick<AskOptions, 'adminSocket'>): Promise<void> {
  const { host } = await askDaemon(adminSocket, 'rotateKey', {});
  process.stdout.write(
    `the key of host ${host} is being changed; in some 20 seconds the former one is gone\n`,
  );
}
