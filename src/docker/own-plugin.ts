/** Which of this host's managed plugins this process is, and under which names Docker therefore knows its driver. */
import { readFile } from 'node:fs/promises';

/** What xnet calls its own driver, in the cluster's records and to the rest of itself, on every host. */
export const OUR_DRIVER = 'xnet';

/** Docker mounts the directory of a plugin's socket, which it names after the plugin's id. */
const SOCKET_MOUNT = /\/plugins\/([0-9a-f]{64}) \/run\/docker\/plugins /;

/** The id of the managed plugin in whose container this process is; undefined: in none. */
export async function findOwnPlugin(): Promise<string | undefined> {
  return pluginIdIn(await readFile('/proc/self/mountinfo', 'utf8'));
}

export function pluginIdIn(mountinfo: string): string | undefined {
  return SOCKET_MOUNT.exec(mountinfo)?.[1];
}

/** Translates between what Docker calls drivers and what xnet does; pure. */
export class DriverNames {
  /** `names`: Docker's for our driver. Networks that xnet makes are of the first. */
  constructor(private readonly names: readonly [string, ...string[]]) {}

  /** Another xnet's, or that of one which was here before, is not ours. */
  fromDocker(driver: string): string {
    if (this.names.includes(driver)) return OUR_DRIVER;
    return driver === OUR_DRIVER ? `${driver}, not this plugin` : driver;
  }

  toDocker(driver: string): string {
    return driver === OUR_DRIVER ? this.names[0] : driver;
  }
}
