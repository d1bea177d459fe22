/** src/ as JavaScript, for tests that need a second process of ours. */
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformFile } from '@swc/core';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

export interface CompiledSources extends AsyncDisposable {
  /** Where src/errors.ts is errors.js. */
  readonly directory: string;
}

/** Compiles the given folders of src/ (and its top-level files), without checking types. */
export async function compileSources(folders: readonly string[]): Promise<CompiledSources> {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-sources-'));
  // So that packages are found.
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  await Promise.all(['', ...folders].map((folder) => compileFolder(folder, directory)));
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

async function compileFolder(folder: string, to: string): Promise<void> {
  const names = await readdir(join(root, 'src', folder), { recursive: folder !== '' });
  const sources = names.filter((name) => name.endsWith('.ts'));
  for (const name of sources) await mkdir(dirname(join(to, folder, name)), { recursive: true });
  await Promise.all(
    sources.map(async (name) => {
      const { code } = await transformFile(join(root, 'src', folder, name), {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
      });
      await writeFile(join(to, folder, name.replace(/\.ts$/, '.js')), code);
    }),
  );
}
