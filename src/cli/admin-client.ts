import { request } from 'node:http';
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
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(JSON.parse(text) as T);
        else reject(refusal(response.statusCode, text));
      });
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
function refusal(code: number | undefined, text: string): XnetError {
  try {
    const { error } = JSON.parse(text) as { error: unknown };
    if (typeof error === 'string') return new XnetError(code === 409 ? 'IN_USE' : 'INTERNAL', error);
  } catch {
    // Shown whole.
  }
  return new XnetError('INTERNAL', `xnet answered ${code}: ${text}`);
}
