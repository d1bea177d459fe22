/** The figures of a run, in the order of the report. */

/** By the ids of FIGURES; those that were not measured are absent. */
export type Measured = Readonly<Record<string, number>>;

type Unit = 'ms' | 'MB' | 'kB' | 'ms/s' | 'kB/s' | '';

export interface FigureKind {
  readonly id: string;
  readonly what: string;
  readonly unit: Unit;
}

const figure = (id: string, what: string, unit: Unit): FigureKind => ({ id, what, unit });

export const FIGURES: readonly FigureKind[] = [
  figure('readyColdMs', 'ready, with nothing on disk', 'ms'),
  figure('cpuColdMs', 'processor time until then', 'ms'),
  figure('bytesCold', 'received until then', 'kB'),
  figure('delayColdMs', 'longest delay of the event loop until then', 'ms'),
  figure('readyWarmMs', 'ready, with what was last known', 'ms'),
  figure('bytesWarm', 'received until then', 'kB'),
  figure('delayWarmMs', 'longest delay of the event loop until then', 'ms'),
  figure('startMs', "xnet's calls of one container's start, in own networks: median", 'ms'),
  figure('statusCommandMs', '`xnet status`, the whole command: median', 'ms'),
  figure('endpointsCommandMs', '`xnet endpoints`', 'ms'),
  figure('networksCommandMs', '`xnet networks`', 'ms'),
  figure('poolsCommandMs', '`xnet pools`', 'ms'),
  figure('hostsCommandMs', '`xnet hosts`', 'ms'),
  figure('doctorCommandMs', '`xnet doctor`', 'ms'),
  figure('daemonMb', 'resident memory of the daemon', 'MB'),
  figure('keeperMb', 'resident memory of the keeper', 'MB'),
  figure('stateBytes', 'state on disk', 'kB'),
  figure('idleCpuMs', 'idle: processor time', 'ms/s'),
  figure('idleBytes', 'idle: received', 'kB/s'),
  figure('ownChangeMs', 'one change in an own network: processor time', 'ms'),
  figure('foreignChangeMs', 'one change in a foreign network: processor time', 'ms'),
  figure('foreignCpuMs', 'many changes a second in foreign networks: processor time above idle', 'ms/s'),
  figure('foreignBytes', 'meanwhile received', 'kB/s'),
  figure(
    'hostChangeMs',
    'a host falls silent, is registered anew, or comes back: processor time of each',
    'ms',
  ),
  figure('delayHostsMs', 'meanwhile the longest delay of the event loop', 'ms'),
  figure('entryMsMedian', "from a commit to the kernel's entry: median", 'ms'),
  figure('entryMsP99', "from a commit to the kernel's entry: p99", 'ms'),
  figure('nameMsMedian', 'from a commit to a DNS answer: median', 'ms'),
  figure('nameMsP99', 'from a commit to a DNS answer: p99', 'ms'),
  figure('lookupMsMedian', 'a look-up meanwhile: median', 'ms'),
  figure('lookupMsP99', 'a look-up meanwhile: p99', 'ms'),
  figure('delayMs', 'meanwhile the longest delay of the event loop', 'ms'),
  figure('bigStartMs', 'big network: RequestAddress, CreateEndpoint and Join of the first container', 'ms'),
  figure('bigJoinMs', 'big network: of that Join', 'ms'),
  figure('bigReachedMs', "big network: from the interface to the last endpoint's answer to a ping", 'ms'),
  figure('bigCompleteMs', 'big network: from the interface to the last forwarding entry', 'ms'),
  figure('bigJoinDelayMs', 'big network: meanwhile the longest delay of the event loop', 'ms'),
  figure('bigChangeMs', 'big network: one change: processor time', 'ms'),
  figure('bigEntryMsMedian', "big network: from a commit to the kernel's entry: median", 'ms'),
  figure('bigEntryMsP99', "big network: from a commit to the kernel's entry: p99", 'ms'),
  figure('bigNameMsMedian', 'big network: from a commit to a DNS answer: median', 'ms'),
  figure('bigNameMsP99', 'big network: from a commit to a DNS answer: p99', 'ms'),
  figure('bigLookupMsMedian', 'big network: a look-up meanwhile: median', 'ms'),
  figure('bigLookupMsP99', 'big network: a look-up meanwhile: p99', 'ms'),
  figure('bigDelayMs', 'big network: meanwhile the longest delay of the event loop', 'ms'),
  figure('bigDaemonMb', 'resident memory of the daemon, then', 'MB'),
  figure('absences', 'times that etcd was taken for away', ''),
  figure('wrong', 'endpoints that the kernel lacks, or has in excess, at the end', ''),
  figure('bigWrong', 'big network: endpoints that the kernel lacks, or has in excess, at the end', ''),
];

/** In the figure's unit: bytes are measured in bytes. */
export function scaled({ unit }: FigureKind, value: number): number {
  return unit === 'kB' || unit === 'kB/s' ? value / 1000 : value;
}
