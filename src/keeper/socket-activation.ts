/** Sockets that a supervisor hands over at start: sd_listen_fds(3), and systemd's descriptor store. */
import { type HeldEntry, isKey } from './messages.js';

const FIRST_FD = 3;
/** The key of the socket that Docker calls; also of one that the supervisor did not name. */
export const PLUGIN_KEY = 'plugin';

/**
 * The sockets meant for process `pid`. Each goes by its FileDescriptorName=; the first one may be without (then
 * systemd says the unit's own name, `xnet.socket`) and is the plugin's. Others without a name are left out.
 */
export function parseGivenSockets(environment: NodeJS.ProcessEnv, pid: number): HeldEntry[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = environment;
  const count = Number(LISTEN_FDS);
  if (LISTEN_PID !== String(pid) || !Number.isInteger(count) || count < 1) return [];
  const names = LISTEN_FDNAMES.split(':');
  const keys = Array.from({ length: count }, (_, index) => keyOf(names[index], index));
  return keys.flatMap((key, index) =>
    key === undefined || keys.indexOf(key) < index ? [] : [{ key, fd: FIRST_FD + index, given: true }],
  );
}

/** The environment without what was meant for this process alone. */
export function withoutGivenSockets(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, ...rest } = environment;
  return rest;
}

function keyOf(name: string | undefined, index: number): string | undefined {
  const named = isKey(name) && name !== 'unknown' && name !== 'stored' && !name.endsWith('.socket');
  if (named) return name;
  return index === 0 ? PLUGIN_KEY : undefined;
}
