/**
 * `npm run build`: src as a few files in dist, with the libraries that are plain JavaScript. Hundreds of small files take
 * twice as long to load, and every start, upgrade and recovery waits for that (docs/decisions/0013-one-bundle.md).
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build } from 'esbuild';

const DIST = 'dist';

/** They look for native parts beside their code; the last is etcd3's description of etcd, which it reads itself. */
const PROTO = 'etcd3/proto/rpc.proto';
const NOT_BUNDLED = ['koffi', 'lmdb', PROTO];

/**
 * Parts of libraries that nothing here calls, and each start would read: zod's messages in 50 languages, express's readers of
 * bodies (with iconv-lite's tables); of dockerode, ssh, sessions over gRPC and the packing of build contexts.
 */
const NOT_CALLED = [
  'zod/v4/locales/index',
  'body-parser/index',
  'docker-modem/lib/ssh',
  'dockerode/lib/session',
  '@balena/dockerignore/.*',
  'tar-fs/index',
];

const fit = {
  name: 'fit',
  setup({ onLoad }) {
    const notCalled = new RegExp(`/node_modules/(${NOT_CALLED.join('|')})\\.js$`);
    onLoad({ filter: notCalled }, () => ({ contents: 'export {};' }));
    onLoad({ filter: /\/etcd3\/lib\/connection-pool\.js$/ }, async ({ path }) => {
      const [before, after, ...others] = (await readFile(path, 'utf8')).split(
        /`\$\{__dirname\}\/\.\.\/proto\/rpc\.proto`/,
      );
      if (after === undefined || others.length > 0) throw new Error(`${path} looks elsewhere for ${PROTO}`);
      return { contents: `${before}require.resolve('${PROTO}')${after}` };
    });
  },
};

/** CommonJS libraries ask for Node's own modules with it. */
const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

const { metafile } = await build({
  entryPoints: ['src/main.ts', 'src/keeper/keeper.ts'],
  ...{ outdir: DIST, outbase: 'src', bundle: true, splitting: true, metafile: true },
  ...{ platform: 'node', format: 'esm', target: 'node20.11', logLevel: 'warning' },
  ...{ external: NOT_BUNDLED, plugins: [fit], banner: { js: REQUIRE } },
});

const isRead = (part) => Object.keys(metafile.inputs).some((path) => new RegExp(`/${part}\\.js$`).test(path));
const moved = [...NOT_CALLED, 'etcd3/lib/connection-pool'].filter((part) => !isRead(part));
if (moved.length > 0) throw new Error(`these are elsewhere in their library by now: ${moved.join(', ')}`);

// What earlier builds left; not before: a daemon that starts meanwhile finds its files.
const made = new Set(Object.keys(metafile.outputs).map((path) => relative(DIST, path)));
for (const entry of await readdir(DIST, { recursive: true, withFileTypes: true })) {
  const path = relative(DIST, join(entry.parentPath, entry.name));
  if (entry.isFile() && !made.has(path)) await rm(join(DIST, path));
}
