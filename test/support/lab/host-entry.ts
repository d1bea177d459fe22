/**
 * What enters a host of a lab, as `lab in` does (host_entry in test/lab/lib/host.sh), but for the five programs that the script starts on
 * its way. Tests do so some ten thousand times.
 */
import { readFileSync } from 'node:fs';

/** A clean environment but for settings of xnet. */
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
  TERM: 'dumb',
};

export interface HostEntry {
  readonly command: readonly string[];
  /** All of it: nothing of this process's. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Undefined: the host is off, or there is no such host or lab; `lab in` says which. What is run ends with the entering process. */
export function hostEntry(lab: string, host: string): HostEntry | undefined {
  const pid = hostPid(lab, host);
  if (pid === undefined) return undefined;
  const settings = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[0].startsWith('XNET_') && !entry[0].startsWith('XNET_LAB'),
  );
  const words = `nsenter -t ${pid} -m -u -i -n -p -C -r -w /usr/bin/setpriv --pdeathsig TERM`;
  return { command: words.split(' '), environment: { ...ENVIRONMENT, ...Object.fromEntries(settings) } };
}

/** Of the host's process 1; undefined: the host is off, or there is no such host or lab. */
export function hostPid(lab: string, host: string): string | undefined {
  try {
    return readFileSync(`/run/xnet-lab/${lab}/hosts/${host}/pid`, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
