/**
 * `npm run build`: src as a few files in dist, with the libraries that are plain JavaScript. Hundreds of small files take
 * twice as long to load, and every start, upgrade and recovery waits for that (docs/decisions/0013-one-bundle.md).
 */
import { readdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build } from 'esbuild';

const DIST = 'dist';

/** They look for files of their own beside their code: native parts, protocol definitions. */
const NOT_BUNDLED = ['cockatiel', 'dockerode', 'etcd3', 'koffi', 'lmdb'];

/** CommonJS libraries ask for Node's own modules with it. */
const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

const { metafile } = await build({
  entryPoints: ['src/main.ts', 'src/keeper/keeper.ts'],
  ...{ outdir: DIST, outbase: 'src', bundle: true, splitting: true, metafile: true },
  ...{ platform: 'node', format: 'esm', target: 'node20.11', logLevel: 'warning' },
  ...{ external: NOT_BUNDLED, banner: { js: REQUIRE } },
});

// What earlier builds left; not before: a daemon that starts meanwhile finds its files.
const made = new Set(Object.keys(metafile.outputs).map((path) => relative(DIST, path)));
for (const entry of await readdir(DIST, { recursive: true, withFileTypes: true })) {
  const path = relative(DIST, join(entry.parentPath, entry.name));
  if (entry.isFile() && !made.has(path)) await rm(join(DIST, path));
}
