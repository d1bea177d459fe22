/**
 * A container's own lines in the hosts file that Docker keeps for it; pure. Docker 28.0 to 29.0 writes an IPv4 address that
 * a remote IPAM driver gave as `::ffff:10.1.2.3` (moby: libnetwork/endpoint.go, getEtcHostsAddrs; right since a2de9bb334):
 * net.ParseCIDR makes 16 bytes of any address, and whatever a plugin answers goes through it.
 *
 * Docker appends to the file, and deletes from it what it wrote. So a line is altered in place, to one of the same length:
 * nothing moves that Docker may be about to write beside. Such a line Docker does not find again (etchosts.Delete), so what
 * was altered is removed here; it is known by the spaces at its end.
 */

/** Whether this Docker does so, by its version (`28.5.2+dfsg3`). */
export function writesMapped(version: string): boolean {
  return /^(28\.|29\.0\.)/.test(version);
}

/** Bytes to be written over those that are there. */
export interface Edit {
  readonly offset: number;
  readonly text: string;
}

const MAPPED = '::ffff:';
/** What a line of ours ends with, instead of what it lacks at the front: no parser of hosts files minds it. */
const FILL = ' '.repeat(MAPPED.length);
const MAPPED_LINE = /^::ffff:(\d+\.\d+\.\d+\.\d+)\t(.+)$/gm;
const FILLED_LINE = /^(\d+\.\d+\.\d+\.\d+)\t(.+) {7}$/gm;

/**
 * The container's own lines with IPv4 addresses as programs understand them. Those of `--add-host` are left alone.
 * `content` has one character a byte (latin1); `hostname` may have a domain, of which Docker writes the whole name, then the
 * first label.
 */
export function planReadable(content: string, hostname: string): Edit[] {
  return [...content.matchAll(MAPPED_LINE)].flatMap(({ index, 1: address, 2: names = '' }) =>
    isOwn(names, hostname) ? [{ offset: index, text: `${address}\t${names}${FILL}` }] : [],
  );
}

/** Without the lines that `planReadable` altered, of these addresses. */
export function withoutReadable(content: string, isWanted: (address: string) => boolean): string {
  return content
    .split('\n')
    .filter((line) => {
      const { 1: address } = [...line.matchAll(FILLED_LINE)][0] ?? [];
      return address === undefined || !isWanted(address);
    })
    .join('\n');
}

/** The container has a line of its own with the address, in either form. */
export function hasOwnLine(content: string, hostname: string, address: string): boolean {
  return content
    .split('\n')
    .map((line) => line.replace(MAPPED, '').split('\t'))
    .some(([at, names = '']) => at === address && isOwn(names.trimEnd(), hostname));
}

function isOwn(names: string, hostname: string): boolean {
  return names.split(' ').at(-1) === hostname.trim().split('.', 1)[0];
}
