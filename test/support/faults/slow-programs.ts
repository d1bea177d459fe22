/** A host on which starting `ip` takes long, as on a machine with too much to do: all else of it is as fast as ever. */
import type { Lab } from '../lab/lab.js';

const WRAPPER = '/usr/local/sbin/ip';

/** From now on, until it is disposed of. */
export async function slowDownPrograms(lab: Lab, host: string, seconds: number): Promise<AsyncDisposable> {
  const script = `#!/bin/bash\nsleep ${seconds}\nexec -a ip /usr/sbin/ip "$@"\n`;
  await lab.in(host, 'sh', '-c', 'printf "%s" "$1" >"$2" && chmod +x "$2"', 'sh', script, WRAPPER);
  return { [Symbol.asyncDispose]: async () => void (await lab.in(host, 'rm', '-f', WRAPPER)) };
}
