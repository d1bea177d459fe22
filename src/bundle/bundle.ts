/**
 * src/bundle: one archive with what a maintainer needs to find a fault from afar (`xnet bundle`). It reads and asks, and changes
 * nothing. No secret is in it: each part is made from what is known to be none, and the texts are scrubbed besides. A part that
 * cannot be had says why. Not in here: what is wrong; that is the doctor's.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { withDeadline } from '../concurrency/deadline.js';
import { limitTo } from '../concurrency/limit.js';
import { loadOrDefault } from '../config/load-or-default.js';
import { errorMessage, XnetError } from '../errors.js';
import { answerParts } from './answer-parts.js';
import { dockerPart } from './docker-part.js';
import { scrubbed } from './hidden.js';
import { cleanIfInterrupted } from './interruption.js';
import { kernelParts } from './kernel-parts.js';
import { logPart } from './log-part.js';
import { formatManifest, type Written } from './manifest.js';
import type { Ask, Part } from './part.js';

/** More than the daemon is asked for: one that hangs is waited for once. */
const AT_ONCE = 16;
/** Of each part; a command waits 15 s for a daemon that hangs, and then finds out by itself. */
const PART_MS = 22_000;

/**
 * Writes the archive to `path`, or under a name with host and time to the current directory. Resolves to where it is. Throws
 * EXISTS for a file that is there, UNSUPPORTED without tar, DISK.
 */
export async function writeBundle(version: string, ask: Ask, path?: string): Promise<string> {
  const at = new Date().toISOString().replace(/\.\d+/, '');
  const title = `xnet-bundle-${hostname()}-${at.replaceAll(':', '')}`;
  const target = path ?? `${title}.tar.gz`;
  await using file = await openNew(target);
  const work = await mkdtemp(join(tmpdir(), 'xnet-bundle-'));
  using _ = cleanIfInterrupted(() => {
    rmSync(work, { recursive: true, force: true });
    rmSync(target, { force: true });
  });
  try {
    const parts = [
      ...answerParts(ask),
      dockerPart(loadOrDefault().config),
      logPart(ask),
      ...(await kernelParts()),
    ];
    const limit = limitTo(AT_ONCE);
    const root = join(work, title);
    const written = await Promise.all(parts.map((part) => limit(() => writePart(root, part))));
    const head = `xnet bundle of host ${hostname()}, ${at}, by xnet ${version}`;
    await writeFile(join(root, 'MANIFEST'), formatManifest(head, written));
    await pack(work, title, file.fd);
    return target;
  } catch (error: unknown) {
    await rm(target, { force: true });
    throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** For root alone. Never another's file in its place. */
async function openNew(path: string) {
  return open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    const isThere = error.code === 'EEXIST';
    const message = isThere ? `${path} is there already; give another name` : errorMessage(error);
    throw new XnetError(isThere ? 'EXISTS' : 'DISK', message, {}, { cause: error });
  });
}

/** Never rejects for the part's sake. */
async function writePart(root: string, part: Part): Promise<Written> {
  const path = join(root, part.file);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    const text = scrubbed(await withDeadline(part.read(), PART_MS, part.file));
    await writeFile(path, text);
    return { part, bytes: Buffer.byteLength(text) };
  } catch (error: unknown) {
    const failure = scrubbed(errorMessage(error)).replaceAll('\n', ' ');
    await writeFile(path, `${failure}\n`);
    return { part, bytes: 0, failure };
  }
}

/** tar(1) writes the directory to the descriptor, and what it complains of to standard error. */
async function pack(directory: string, name: string, fd: number): Promise<void> {
  const args = ['-C', directory, '-cz', name];
  const tar = spawn('tar', args, { stdio: ['ignore', fd, 'inherit'] });
  const code = await new Promise<number | null>((resolve, reject) => {
    tar.on('close', resolve).on('error', reject);
  }).catch((error: unknown) => {
    const message = `the archive needs the program tar: ${errorMessage(error)}`;
    throw new XnetError('UNSUPPORTED', message, {}, { cause: error });
  });
  if (code !== 0) throw new XnetError('DISK', `tar has not written the archive (exit code ${code})`);
}
