/** Arrows between folders go down only, and each library has one door (CONTRIBUTING.md, "The import law"). */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const SRC = resolve('src');

/** Folder (or top-level file) -> what it may import of ours, besides itself and the ground. */
const GROUND = ['errors', 'directories', 'disk-errors', 'concurrency', 'inet', 'observability'];
const MAY_IMPORT: Record<string, string[]> = {
  main: ['cli', 'daemon', 'refusal', 'keeper'],
  refusal: ['config', 'server', 'keeper', 'docker'],
  daemon: [
    'host',
    'status',
    'config',
    'server',
    'agent',
    'dns',
    'dataplane',
    'store',
    'keeper',
    'native',
    'docker',
  ],
  host: ['config', 'agent', 'driver', 'ipam', 'dns', 'docker', 'store', 'dataplane'],
  status: ['host', 'dns', 'server', 'store', 'keeper'],
  cli: ['config', 'server'],
  server: ['driver', 'ipam', 'protocol', 'dns', 'keeper'],
  agent: ['driver', 'store', 'dataplane', 'docker'],
  dns: ['native', 'store', 'keeper', 'docker'],
  keeper: ['native'],
  docker: [],
  native: [],
  driver: ['store', 'dataplane'],
  ipam: ['store'],
  store: [],
  dataplane: [],
  config: [],
  protocol: [],
  observability: [],
  inet: [],
  concurrency: [],
  directories: [],
  'disk-errors': [],
  errors: [],
};

/** Library -> the one place that may import it. */
const DOORS: Record<string, RegExp> = {
  express: /^server\//,
  etcd3: /^store\/etcd\//,
  cockatiel: /^store\/etcd\//,
  lmdb: /^store\/local\/lmdb-/,
  execa: /^dataplane\/iproute2\//,
  winston: /^observability\//,
  commander: /^(cli\/|main\.ts)/,
  'ip-address': /^inet\//,
  'p-limit': /^concurrency\//,
  koffi: /^native\//,
  dockerode: /^docker\//,
};

/** What only the named layers may see of another folder: its contract, not its implementation. */
const CONTRACTS_ONLY: [importers: RegExp, target: RegExp, allowed: RegExp][] = [
  [/^(driver|agent|ipam)\//, /^dataplane\//, /^dataplane\/(dataplane|container-mtu)\.js$/],
  [/^(driver|agent|ipam|dns)\//, /^store\//, /^store\/(store|keys|records|record-reader|transact)\.js$/],
  [/^cli\//, /^server\//, /^server\/(admin|status-text)\.js$/],
  [/^dns\//, /^(docker|keeper)\//, /^(docker\/engine|keeper\/client\/held-sockets)\.js$/],
  [/^server\//, /^(dns|keeper)\//, /^(dns\/collaborators|keeper\/messages)\.js$/],
  [/^(main|daemon|refusal|status)\./, /^keeper\//, /^keeper\/client\//],
  // The keeper starts without its client half, which knows of the keeper what both sides agree on.
  [/^keeper\/[^/]+$/, /^keeper\/client\//, /^$/],
  [/^keeper\/client\//, /^keeper\/[^/]+$/, /^keeper\/(messages|make-socket)\.js$/],
];

interface Import {
  readonly from: string;
  readonly specifier: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
const imports = files.flatMap((from) =>
  [...readFileSync(join(SRC, from), 'utf8').matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(
    (match): Import => ({ from, specifier: match[1] as string }),
  ),
);
const ours = imports
  .filter(({ specifier }) => specifier.startsWith('.'))
  .map(({ from, specifier }) => ({ from, to: relative(SRC, resolve(SRC, from, '..', specifier)) }));

/** More than these nobody sees at a glance. */
const MOST_FILES = 14;

/** `store/etcd` for a file of that room; undefined for one that lies in the folder itself. */
const roomOf = (path: string) => /^[^/]+\/[^/]+(?=\/)/.exec(path)?.[0];

const folderOf = (path: string) => path.replace(/\/.*|\.[jt]s$/g, '');

describe('the import law', () => {
  test('every folder of src has its place in the law', () => {
    expect([...new Set(files.map(folderOf))].filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
  });

  test('imports go down only', () => {
    const against = ours.filter(({ from, to }) => {
      const [importer, target] = [folderOf(from), folderOf(to)];
      return importer !== target && !GROUND.includes(target) && !MAY_IMPORT[importer]?.includes(target);
    });
    expect(against).toEqual([]);
  });

  test('rooms of one folder do not import each other in a circle', () => {
    const edges = new Map<string, Set<string>>();
    for (const { from, to } of ours) {
      const [importer, target] = [roomOf(from), roomOf(to)];
      if (!importer || !target || importer === target || folderOf(from) !== folderOf(to)) continue;
      edges.set(importer, (edges.get(importer) ?? new Set()).add(target));
    }
    const reaches = (room: string, wanted: string, seen = new Set<string>()): boolean =>
      [...(edges.get(room) ?? [])].some((next) => {
        if (next === wanted) return true;
        if (seen.has(next)) return false;
        return reaches(next, wanted, seen.add(next));
      });
    // Move what both need into the room below, or into the folder itself.
    expect([...edges.keys()].filter((room) => reaches(room, room))).toEqual([]);
  });

  test(`no folder has more than ${MOST_FILES} files`, () => {
    const counts = new Map<string, number>();
    for (const path of files) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > MOST_FILES)).toEqual([]);
  });

  test('the ground imports nothing above it', () => {
    const against = ours.filter(
      ({ from, to }) => GROUND.includes(folderOf(from)) && ![folderOf(from), 'errors'].includes(folderOf(to)),
    );
    expect(against).toEqual([]);
  });

  test('each library has one door', () => {
    const against = imports.filter(({ from, specifier }) => {
      const door = DOORS[specifier.replace(/^(@[^/]+\/[^/]+|[^/]+).*/, '$1')];
      return door !== undefined && !door.test(from);
    });
    expect(against).toEqual([]);
  });

  test('what lies behind a contract is seen by the composition root alone', () => {
    const against = ours.filter(({ from, to }) =>
      CONTRACTS_ONLY.some(
        ([importers, target, allowed]) => importers.test(from) && target.test(to) && !allowed.test(to),
      ),
    );
    expect(against).toEqual([]);
  });

  test('the environment is read in one file', () => {
    const readers = files.filter((path) => readFileSync(join(SRC, path), 'utf8').includes('process.env'));
    expect(readers).toEqual(['config/load.ts']);
  });
});
