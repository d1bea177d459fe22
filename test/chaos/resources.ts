/** What keeper and daemon hold on a host: memory and open files. */
import type { Lab } from '../support/lab.js';

export interface Resources {
  readonly host: string;
  readonly role: 'keeper' | 'daemon';
  /** Resident, in kB. */
  readonly rssKb: number;
  readonly files: number;
}

const SCRIPT = `
  keeper=$(cat /run/lab/xnet.pid); daemon=$(pgrep -o -P "$keeper")
  for role in keeper daemon; do
    eval pid=\\$$role
    echo $role $(grep VmRSS /proc/$pid/status | grep -o '[0-9]*') $(ls /proc/$pid/fd | wc -l)
  done`;

/** xnet must run on all hosts. */
export async function readResources(lab: Lab): Promise<Resources[]> {
  const outputs = await Promise.all(
    lab.hosts.map(async (host) => [host, await lab.in(host, 'sh', '-c', SCRIPT)] as const),
  );
  return outputs.flatMap(([host, output]) =>
    output.split('\n').map((line) => {
      const [role, rss, files] = line.split(' ');
      return { host, role: role as Resources['role'], rssKb: Number(rss), files: Number(files) };
    }),
  );
}

export function describeResources({ host, role, rssKb, files }: Resources): string {
  return `${role} on ${host}: ${Math.round(rssKb / 1024)} MB, ${files} files`;
}

export interface Growth {
  /** At most so many times the memory of before. */
  readonly memory: number;
  /** At most so many more open files. */
  readonly files: number;
}

/** Sentences about what has grown by more. */
export function findGrowth(
  before: readonly Resources[],
  after: readonly Resources[],
  most: Growth,
): string[] {
  return after.flatMap((now) => {
    const then = before.find(({ host, role }) => host === now.host && role === now.role);
    const isMore = then && (now.rssKb > then.rssKb * most.memory || now.files > then.files + most.files);
    return isMore ? [`grown: ${describeResources(now)}; before: ${describeResources(then)}`] : [];
  });
}
