/** The project as the guest gets it: tests with all that they import, as few JavaScript files, on a small disk of its own. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build, stop } from 'esbuild';

const execute = promisify(execFile);

const INSIDE = 'test/support/guest/inside';
const MAIN = `./${INSIDE}/run-files.js`;

/** A native library; and what jest-circus looks up by its path. */
const NOT_BUNDLED = ['koffi', `@koromix/koffi-${process.platform}-${process.arch}`, 'jest-each'];

/** Libraries that are CommonJS ask for these. The names of files are of no use in the guest. */
const COMMON_JS = `
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url), __dirname = '/project', __filename = '/project/file';`;

/**
 * Makes it of the test `files` of the checkout `root`. Throws if a file cannot be compiled.
 * `image` is the disk, `directory`
 * has the JavaScript with its source maps, `place` is for more that has to do with it; `remove` removes all of this.
 */
export async function makeProject(root, files) {
  const place = await mkdtemp(join(tmpdir(), 'xnet-guest-'));
  const remove = () => rm(place, { recursive: true, force: true });
  const directory = join(place, 'project');
  const image = join(place, 'project.img');
  try {
    await bundle(root, directory, files);
    await writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module', main: MAIN }));
    for (const name of NOT_BUNDLED) {
      const path = join('node_modules', name);
      await cp(join(root, path), join(directory, path), { recursive: true });
    }
    await execute('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', '-d', directory, image, '64M']);
    return { place, directory, image, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function bundle(root, outdir, files) {
  await build({
    entryPoints: [`${INSIDE}/run-files.ts`, ...files],
    ...{ absWorkingDir: root, outdir, outbase: root, bundle: true, splitting: true, sourcemap: 'external' },
    ...{ platform: 'node', format: 'esm', target: 'node20.11', logLevel: 'error', external: ['koffi'] },
    alias: { '@jest/globals': `./${INSIDE}/globals.ts`, '@jest/expect': `./${INSIDE}/expect.ts` },
    banner: { js: COMMON_JS },
  });
  await stop();
}
