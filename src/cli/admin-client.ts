import { request } from 'node:http';
import { XnetError } from '../errors.js';

const TIMEOUT_MS = 15_000;

/** Asks the daemon on this host. Throws NOT_FOUND when none runs, with what to do. */
export async function askDaemon<T>(socketPath: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(JSON.parse(text) as T);
        else reject(new XnetError('INTERNAL', `xnet answered ${response.statusCode}: ${text}`));
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    call.on('error', (error) => {
      const message = `no xnet daemon answers on ${socketPath} (${error.message}); start one with: xnet serve`;
      reject(new XnetError('NOT_FOUND', message, {}, { cause: error }));
    });
    call.end();
  });
}
