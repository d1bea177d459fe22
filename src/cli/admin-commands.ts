/** The commands that ask the daemon on this host. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, OperationName, Parameters } from '../admin/operations.js';
import { formatStatus } from '../server/status-text.js';
import { type Asked, ask } from './ask.js';
import { askDaemon } from './ask-daemon.js';
import { type Column, type Format, formatAnswer, type Screen, screenOf, table } from './output.js';
import { withProgress } from './progress.js';
import { ADDRESSES, doctorText, ENDPOINTS, HOSTS, NAMES, NETWORKS, networkText, POOLS } from './tables.js';
import { traceParameters, traceText } from './trace.js';

export interface AskOptions extends Asked {
  readonly output?: Format;
  /** The former way to say `--output json`. */
  readonly json?: boolean;
  /** Seconds between two answers; true: the default. Absent: one answer. */
  readonly watch?: number | true;
}

const WATCH_SECONDS = 2;
/** ANSI: the screen is cleared, with what was scrolled out of it. */
const CLEAR = '\u001b[2J\u001b[3J\u001b[H';
export const NOT_CURRENT =
  'etcd does not answer: this is what this host knew last, which may not be all; `xnet status` says why\n';

/** How an answer is shown. */
interface Shown<T> {
  readonly asTable: (answer: T, screen?: Screen) => string;
  /** It is what was last known. */
  readonly isOld?: (answer: T) => boolean;
  /** There is something to mend: exit code 1. */
  readonly isBad?: (answer: T) => boolean;
  /** What is done in the seconds that the answer may take; absent: it comes at once. */
  readonly work?: string;
}

/** `xnet status`: one look at what works and what does not. */
export const printStatus = (options: AskOptions) =>
  printAnswer('status', {}, options, {
    asTable: formatStatus,
    isBad: ({ problems }) => problems.length > 0,
  });

/** `xnet doctor`: what may be wrong, each with its remedy. */
export const printDoctor = (options: AskOptions & { readonly all?: boolean }) =>
  printAnswer('doctor', options.all ? { all: 'true' } : {}, options, {
    asTable: doctorText,
    work: options.all ? 'asking all hosts' : 'looking',
    isBad: ({ hosts }) =>
      hosts.some(
        ({ refusal, findings }) =>
          refusal !== undefined || findings.some(({ verdict }) => verdict === 'failure'),
      ),
  });

/** `xnet trace`: the way of a packet, hop by hop. */
export const printTrace = async (
  from: string,
  to: string,
  options: AskOptions & { readonly udp?: boolean; readonly network?: string },
) => {
  const { udp: isUdp = false, network } = options;
  await printAnswer('trace', traceParameters(from, to, { isUdp, network }), options, {
    asTable: traceText,
    isOld,
    isBad: ({ hops }) => hops.some(({ verdict }) => verdict === 'fault' || verdict === 'unknown'),
  });
};

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
    `${name ?? id} removed, with ${endpoints ?? 0} endpoints in ${networks ?? 0} networks\n`,
  );
}

export const printNetworks = (options: AskOptions) => printList('networks', {}, options, NETWORKS);

export const printPools = (options: AskOptions) => printList('pools', {}, options, POOLS);

export const printNetwork = (network: string, options: AskOptions) =>
  printAnswer('network', { network }, options, { asTable: networkText, isOld });

export const printAddresses = (network: string, options: AskOptions) =>
  printList('addresses', { network }, options, ADDRESSES);

export const printNames = (of: string, options: AskOptions) => printList('names', { of }, options, NAMES);

export const printEndpoints = (options: AskOptions & Parameters<'endpoints'>) => {
  const { network, host } = options;
  const wanted = { ...(network !== undefined && { network }), ...(host !== undefined && { host }) };
  return printList('endpoints', wanted, options, ENDPOINTS);
};

function printList<N extends 'networks' | 'pools' | 'addresses' | 'names' | 'endpoints'>(
  name: N,
  parameters: Parameters<N>,
  options: AskOptions,
  columns: readonly Column<Answer<N>['items'][number]>[],
): Promise<void> {
  const asTable = (answer: Answer<N>, screen?: Screen) => table(answer.items, columns, screen);
  return printAnswer(name, parameters, options, { asTable, isOld });
}

function isOld({ asOf }: { readonly asOf: 'store' | 'last known' }): boolean {
  return asOf === 'last known';
}

/** Once, or again and again until the process is ended. Throws as `askDaemon`; while it watches, a failure is shown. */
export async function printAnswer<N extends OperationName>(
  name: N,
  parameters: Parameters<N>,
  options: AskOptions,
  { asTable, isOld, isBad, work }: Shown<Answer<N>>,
): Promise<void> {
  const { json, output = json ? 'json' : 'table', watch } = options;
  const screen = screenOf(process.stdout);
  const show = async () => {
    const asked = ask(options, name, parameters);
    const { answer, note } = await (work === undefined ? asked : withProgress(work, asked));
    const text = await formatAnswer(answer, output, (each) => asTable(each, screen));
    process.stdout.write(watch && screen ? `${CLEAR}${text}` : text);
    if (note !== undefined) process.stderr.write(note);
    else if (isOld?.(answer)) process.stderr.write(NOT_CURRENT);
    process.exitCode = note !== undefined || isBad?.(answer) ? 1 : 0;
  };
  if (watch === undefined) return show();
  for (;;) {
    await show().catch((error: Error) => process.stderr.write(`${error.message}\n`));
    await sleep((watch === true ? WATCH_SECONDS : watch) * 1000);
  }
}
