/**
 * The API of a host's Docker, asked by this process. The docker command takes some 0.2 s of a processor each time on a slow machine,
 * and tests ask again and again until what they wait for is there.
 */
import Docker from 'dockerode';
import { CommandError } from '../programs/command.js';
import { hostPid } from './host-entry.js';

/** Throws CommandError, as the command would, when the host is off or its Docker does not answer, or has no such object. */
export async function askEngine<T>(
  lab: string,
  host: string,
  what: string,
  ask: (engine: Docker) => Promise<T>,
): Promise<T> {
  const pid = hostPid(lab, host);
  if (pid === undefined) throw new CommandError(['docker', what], null, `host ${host} is off`);
  try {
    return await ask(new Docker({ socketPath: `/proc/${pid}/root/run/docker.sock`, timeout: 60_000 }));
  } catch (error: unknown) {
    throw new CommandError(['docker', what], 1, error instanceof Error ? error.message : `${error}`);
  }
}
