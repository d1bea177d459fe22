import { request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** Empty when the answer is not a JSON object. */
  readonly json: Record<string, unknown>;
}

/** Calls a plugin method as Docker does: POST on a unix socket, no content type. */
export async function post(
  socketPath: string,
  method: string,
  body: string | Buffer | object = '',
  headers: Record<string, string> = {},
): Promise<Answer> {
  const payload = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = request(
      {
        socketPath,
        path: `/${method}`,
        method: 'POST',
        headers: {
          Accept: 'application/vnd.docker.plugins.v1.2+json',
          'Content-Length': Buffer.byteLength(payload),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, text, json: parseObject(text) });
        });
      },
    );
    call.on('error', reject);
    call.end(payload);
  });
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
