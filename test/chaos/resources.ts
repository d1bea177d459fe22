/** What keeper and daemon hold on a host: memory and open files. */
import type { Lab } from '../support/lab/lab.js';

export interface Resources {
  readonly host: string;
  readonly role: 'keeper' | 'daemon';
  /** Resident, in kB. */
  readonly rssKb: number;
  readonly files: number;
  /** To etcd: more come with each member that takes another's place. They are none of `files`. */
  readonly connections: number;
  /** How many of them are what. */
  readonly kinds: string;
}

/**
 * Not counted: connections that this side has ended, from an address that the host has no more. The kernel gives up
 * ending them after a quarter of an hour (tcp(7), tcp_retries2).
 */
const SCRIPT = `
  keeper=$(cat /run/lab/xnet.pid); daemon=$(pgrep -o -P "$keeper")
  for role in keeper daemon; do
    eval pid=\\$$role
    ended=$(ss -Htnp state fin-wait-1 | grep -c "pid=$pid,")
    connections=$(ss -Htnp state established dport = :2379 | grep -c "pid=$pid,")
    others=$(ls -l /proc/$pid/fd | awk 'NF > 8 { sub(/:.*/, "", $11); print $11 }' | grep -v socket)
    sockets=$(ss -Hanp | awk -v pid="pid=$pid," 'index($0, pid) { print $1 "-" $2 "-" ($1 == "tcp" ? $6 : $5) }')
    kinds=$(printf '%s\n' "$others" "$sockets" | sort | uniq -c | xargs)
    echo $role $(grep VmRSS /proc/$pid/status | grep -o '[0-9]*') $(($(ls /proc/$pid/fd | wc -l) - ended - connections)) $connections "$kinds"
  done`;

/** xnet must run on all hosts. */
export async function readResources(lab: Lab): Promise<Resources[]> {
  const outputs = await Promise.all(
    lab.hosts.map(async (host) => [host, await lab.in(host, 'sh', '-c', SCRIPT)] as const),
  );
  return outputs.flatMap(([host, output]) =>
    output.split('\n').map((line) => {
      const [role, rss, files, connections, ...kinds] = line.split(' ');
      const numbers = { rssKb: Number(rss), files: Number(files), connections: Number(connections) };
      return { host, role: role as Resources['role'], ...numbers, kinds: kinds.join(' ') };
    }),
  );
}

/** A line for each process of `after`. */
export function compareResources(before: readonly Resources[], after: readonly Resources[]): string[] {
  return after.map((now) => describeChange(findSame(before, now), now));
}

function findSame(all: readonly Resources[], { host, role }: Resources): Resources | undefined {
  return all.find((other) => other.host === host && other.role === role);
}

function describeChange(then: Resources | undefined, now: Resources): string {
  if (!then) return `${now.role} on ${now.host}: ${megabytes(now)} MB, ${now.files} files`;
  const memory = `${megabytes(then)} -> ${megabytes(now)} MB (${(now.rssKb / then.rssKb).toFixed(2)})`;
  return `${now.role} on ${now.host}: memory ${memory}, files ${then.files} -> ${now.files}`;
}

function megabytes({ rssKb }: Resources): number {
  return Math.round(rssKb / 1024);
}

export interface Growth {
  /** At most so many times the memory of before. */
  readonly memory: number;
  /** At most so many more open files. */
  readonly files: number;
}

/** Six to each of three members. */
const MOST_CONNECTIONS = 18;

/** Sentences about what has grown by more, and about too many connections. */
export function findGrowth(
  before: readonly Resources[],
  after: readonly Resources[],
  most: Growth,
): string[] {
  return after.flatMap((now) => {
    const then = findSame(before, now);
    const isMore =
      then &&
      (now.rssKb > then.rssKb * most.memory ||
        now.files > then.files + most.files ||
        now.connections > MOST_CONNECTIONS);
    return isMore ? [`grown: ${describeChange(then, now)}; ${then.kinds} -> ${now.kinds}`] : [];
  });
}
