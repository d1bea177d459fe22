/** Lists of the whole cluster, the same on every host. */
import type { Command } from 'commander';
import type { Answer, Parameters } from '../../admin/operations.js';
import { asks } from '../options.js';
import { type Column, type Screen, table } from '../output/output.js';
import { type AskOptions, isOld, printAnswer } from '../output/print-answer.js';
import { printHosts } from './hosts.js';
import { ADDRESSES, endpointColumns, NAMES, NETWORKS, networkText, POOLS } from './tables.js';

export function addLists(program: Command): void {
  asks(program.command('hosts'))
    .description('list the hosts of the cluster, also silent ones')
    .action(printHosts);
  asks(program.command('networks')).description('list the networks of the cluster').action(printNetworks);
  const network = program.command('network').description('show one network of the cluster');
  asks(network.command('show <network>'))
    .description('show a network (name or id): its options, its Docker networks, its containers on all hosts')
    .action(printNetwork);
  asks(program.command('endpoints'))
    .description('list the containers in networks of the cluster, with host, addresses and MAC')
    .option('--network <network>', 'only those in the network (name or id)')
    .option('--host <host>', 'only those on the host (name or id)')
    .action(printEndpoints);
  asks(program.command('addresses <network>'))
    .description('list the addresses of a network (name or id) that are not free, and who has them')
    .action(printAddresses);
  asks(program.command('names <network|container>'))
    .description('list the names that are answered in a network, or those of a container (names or ids)')
    .action(printNames);
  asks(program.command('pools'))
    .description('list the subnets of the cluster, and how many of their addresses are in use')
    .action(printPools);
}

const printNetworks = (options: AskOptions) => printList('networks', {}, options, NETWORKS);

const printPools = (options: AskOptions) => printList('pools', {}, options, POOLS);

const printNetwork = (network: string, options: AskOptions) =>
  printAnswer('network', { network }, options, { asTable: networkText, isOld });

const printAddresses = (network: string, options: AskOptions) =>
  printList('addresses', { network }, options, ADDRESSES);

const printNames = (of: string, options: AskOptions) => printList('names', { of }, options, NAMES);

const printEndpoints = (options: AskOptions & Parameters<'endpoints'>) => {
  const { network, host } = options;
  const wanted = { ...(network !== undefined && { network }), ...(host !== undefined && { host }) };
  return printAnswer('endpoints', wanted, options, {
    asTable: ({ items }, screen) => table(items, endpointColumns(items), screen),
    isOld,
  });
};

function printList<N extends 'networks' | 'pools' | 'addresses' | 'names'>(
  name: N,
  parameters: Parameters<N>,
  options: AskOptions,
  columns: readonly Column<Answer<N>['items'][number]>[],
): Promise<void> {
  const asTable = (answer: Answer<N>, screen?: Screen) => table(answer.items, columns, screen);
  return printAnswer(name, parameters, options, { asTable, isOld });
}
