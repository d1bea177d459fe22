import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { XnetError } from '../errors.js';

const TIMEOUT_MS = 15_000;

/** Asks the daemon on this host. Throws NOT_FOUND when none runs, with what to do, and the daemon's refusal in its own words. */
export async function askDaemon<T>(
  socketPath: string,
  path: string,
  method: 'GET' | 'DELETE' = 'GET',
): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, method, timeout: TIMEOUT_MS }, (response) => {
      const read = async () => {
        const answer = await text(response);
        if (response.statusCode !== 200) throw refusal(response.statusCode, answer);
        return JSON.parse(answer) as T;
      };
      resolve(read());
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    call.on('error', (error) => {
      const message = `no xnet daemon answers on ${socketPath} (${error.message}); start it: systemctl start xnet, or xnet serve`;
      reject(new XnetError('NOT_FOUND', message, {}, { cause: error }));
    });
    call.end();
  });
}

/** An answer without a reason comes from no daemon of ours, or from an older one. */
function refusal(code: number | undefined, answer: string): XnetError {
  try {
    const { error } = JSON.parse(answer) as { error: unknown };
    if (typeof error === 'string') return new XnetError(code === 409 ? 'IN_USE' : 'INTERNAL', error);
  } catch {
    // Shown whole.
  }
  return new XnetError('INTERNAL', `xnet answered ${code}: ${answer}`);
}
