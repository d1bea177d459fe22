/** The README's first command, as a newcomer uses it: twice, interrupted, misspelt; its cluster is a lab of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CHECKOUT } from '../support/lab/installed.js';
import { type CommandOptions, refusalOf, run } from '../support/programs/command.js';
import { eventually } from '../support/time/eventually.js';

const LAB = `quickstart-${randomBytes(3).toString('hex')}`;
const OPTIONS: CommandOptions = { env: { XNET_LAB: LAB }, timeoutMs: 300_000 };

const quickstart = (...args: string[]) => run([`${CHECKOUT}quickstart`, ...args], OPTIONS);
const containers = () => run([`${CHECKOUT}test/lab/lab`, 'docker', 'h1', 'ps', '-q', '--no-trunc'], OPTIONS);

let shown: string;
beforeAll(async () => {
  shown = await quickstart();
}, 300_000);
afterAll(() => quickstart('down'), 120_000);

test('a second run leaves the cluster and its containers as they are, and says how to have a new one', async () => {
  const before = await containers();
  expect(before).not.toBe('');
  expect(await quickstart()).toMatch(/is there already.*quickstart down/s);
  expect(await containers()).toBe(before);
}, 120_000);

test('the commands that it shows can be pasted', async () => {
  const web = /^h2# (docker run -d --name web .*)$/m.exec(shown)?.[1] ?? '';
  const again = web.replace('--name web', '--name again').replace(' -p 8080:80', '');
  const h2 = (command: string) => run([`${CHECKOUT}test/lab/lab`, 'in', 'h2', 'sh', '-c', command], OPTIONS);
  await h2(again);
  await eventually(async () => {
    expect(await h2('docker exec again wget -q -O - http://127.0.0.1/')).toBe('Hello from h2');
  });
  await h2('docker rm -f again');
  const tried = /Try \(as root\):\n(.*)$/s.exec(shown)?.[1] ?? '';
  const [setting, , ping] = tried.split('\n');
  expect(await run(['sh', '-c', `${setting}\n${ping}`], { timeoutMs: 60_000 })).toContain(' 0% packet loss');
}, 120_000);

test('status says what runs', async () => {
  expect(await quickstart('status')).toMatch(/^h2 .* up +up/m);
}, 60_000);

test('Ctrl-C in the midst of it leaves nothing, and says so', async () => {
  const other = `${LAB}-b`;
  const child = spawn(`${CHECKOUT}quickstart`, { detached: true, env: { ...process.env, XNET_LAB: other } });
  const ended = outputOf(child);
  await eventually(() => existsSync(`/run/xnet-lab/${other}/hosts/h1`), 120_000, 20);
  process.kill(-(child.pid as number), 'SIGINT');
  expect(await ended).toContain('Nothing of the quickstart cluster is left.');
  expect(child.exitCode).toBe(130);
  expect(existsSync(`/run/xnet-lab/${other}`)).toBe(false);
  expect(await run(['ip', 'netns', 'list'])).not.toContain(`xnet-lab-${other}-`);
}, 240_000);

test('what is misspelt changes nothing', async () => {
  expect(await refusalOf(quickstart('dwon'))).toContain("unknown command 'dwon'");
  expect(await refusalOf(quickstart('down', 'now'))).toContain('one command at most');
  expect(await quickstart('--help')).toContain('Usage: sudo ./quickstart');
  expect(await containers()).not.toBe('');
}, 60_000);

function outputOf(child: ChildProcess): Promise<string> {
  let output = '';
  child.stdout?.on('data', (data) => (output += data));
  child.stderr?.on('data', (data) => (output += data));
  return new Promise((resolve) => child.on('close', () => resolve(output)));
}
