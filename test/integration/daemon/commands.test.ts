/** The commands as they are built, with a daemon that knows a few answers. */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const HOST = { id: '0a', name: 'h1', vtep: '192.0.2.1', alive: true, endpoints: 1, networks: 1 };
const EVENT = { at: '2026-01-31T12:00:00.000Z', kind: 'host silent', what: 'h2', host: 'h1' };

let directory: string;
let server: Server;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnet-commands-'));
  server = createServer((request, response) => {
    if (!request.url?.includes('/follow')) {
      response.end(
        JSON.stringify(request.url?.startsWith('/v1/hosts') ? [HOST] : { items: [EVENT], refusals: [] }),
      );
      return;
    }
    // What happens while it asks for what has happened comes with both answers.
    for (const event of [EVENT, { ...EVENT, kind: 'host alive' }])
      response.write(`${JSON.stringify(event)}\n`);
    const other = { ...EVENT, kind: 'repair' };
    const more = setInterval(() => response.write(`${JSON.stringify(other)}\n`), 50);
    response.on('close', () => clearInterval(more));
  });
  await new Promise<void>((resolve) => server.listen(join(directory, 'admin.sock'), resolve));
});
afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true });
});

/** `until`: the output is closed when this is in it. */
async function xnet(args: string[], { until, output }: { until?: string; output?: string } = {}) {
  const stdout = output === undefined ? 'pipe' : openSync(output, 'w');
  const command = ['bin/xnet', ...args, '--admin-socket', join(directory, 'admin.sock')];
  const child = spawn(process.execPath, command, { stdio: ['ignore', stdout, 'pipe'], timeout: 40_000 });
  let seen = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    seen += chunk;
    if (until !== undefined && seen.includes(until)) child.stdout?.destroy();
  });
  const code = new Promise((resolve) => child.on('close', resolve));
  const complaints = child.stderr ? await text(child.stderr) : '';
  return { code: await code, output: seen, complaints };
}

describe('a command', () => {
  test('prints YAML', async () => {
    const { code, output, complaints } = await xnet(['hosts', '-o', 'yaml']);
    expect(complaints).toBe('');
    expect(output).toContain('- id: 0a\n  name: h1\n');
    expect(code).toBe(0);
  });

  test.each([[['events', '-f']], [['hosts', '-w', '0.1']]])(
    '%j ends without a complaint when nobody reads any more',
    async (args) => {
      expect(await xnet(args, { until: '\n' })).toMatchObject({ code: 0, complaints: '' });
    },
  );

  test('that cannot print its answer fails', async () => {
    const { code, complaints } = await xnet(['hosts'], { output: '/dev/full' });
    expect(complaints).toMatch(/^xnet: cannot print the answer: .*no space left on device.*\n$/);
    expect(code).toBe(1);
  });

  test.each([
    ['json', /^(\{.*\}\n)+$/],
    ['yaml', /^(- at: .*\n( {2}\w+: .*\n)+)+$/],
    ['table', /^(2026\S+ .*\n)+$/],
  ])('that follows events prints one after the other as %s, none twice', async (format, form) => {
    const args = ['events', '-f', '--since', '1h', '-o', format];
    const { output } = await xnet(args, { until: 'host alive' });
    expect(output).toMatch(form);
    expect(output.match(/host silent/g)).toHaveLength(1);
  });
});
