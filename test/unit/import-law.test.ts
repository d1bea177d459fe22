/** Arrows between folders go down only, and each library has one door (CONTRIBUTING.md, "The import law"). */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { circular, crowded, filesOf, importsOf, MOST_FILES, ownImports } from './imports.js';

const SRC = resolve('src');

/** Folder (or top-level file) -> what it may import of ours, besides itself and the ground. */
const GROUND = ['errors', 'directories', 'disk-errors', 'shell-word', 'concurrency', 'inet', 'observability'];
const MAY_IMPORT: Record<string, string[]> = {
  main: ['cli', 'daemon', 'refusal', 'keeper', 'offline', 'bundle'],
  offline: ['admin', 'config', 'dataplane', 'docker', 'doctor', 'host', 'model', 'store'],
  bundle: ['admin', 'config', 'dataplane', 'docker'],
  refusal: ['admin', 'config', 'server', 'keeper', 'docker'],
  daemon: ['host', 'status', 'config', 'server', 'agent', 'keeper', 'docker', 'native'],
  host: [
    'admin',
    'doctor',
    'trace',
    'config',
    'agent',
    'driver',
    'ipam',
    'dns',
    'docker',
    'replica',
    'store',
    'model',
    'dataplane',
    'keeper',
    'upkeep',
  ],
  status: ['host', 'admin', 'store', 'model'],
  cli: ['config', 'admin', 'server', 'model'],
  server: ['admin', 'driver', 'ipam', 'model', 'protocol', 'dns', 'keeper'],
  admin: ['ipam', 'store', 'model'],
  agent: ['driver', 'replica', 'store', 'model', 'dataplane', 'docker'],
  doctor: ['admin', 'model', 'store', 'dataplane', 'upkeep'],
  upkeep: [],
  trace: ['model', 'dataplane'],
  dns: ['native', 'model', 'keeper', 'docker'],
  keeper: ['native'],
  docker: [],
  native: [],
  driver: ['store', 'model', 'dataplane'],
  ipam: ['replica', 'store', 'model'],
  replica: ['store', 'model'],
  store: ['model'],
  model: [],
  dataplane: ['native'],
  config: [],
  protocol: [],
  observability: [],
  inet: [],
  concurrency: [],
  directories: [],
  'disk-errors': [],
  'shell-word': [],
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
  yaml: /^cli\//,
};

/** What only the named layers may see of another folder: its contract, not its implementation. */
const CONTRACTS_ONLY: [importers: RegExp, target: RegExp, allowed: RegExp][] = [
  [
    /^(driver|agent|ipam)\//,
    /^dataplane\//,
    /^dataplane\/(dataplane|lan-reading|pairs|paths|policy\/policies|egress\/egress-rules|encryption\/encryption)\.js$/,
  ],
  [/^doctor\//, /^dataplane\//, /^dataplane\/(dataplane|host-reading|lan-reading|paths)\.js$/],
  [/^trace\//, /^dataplane\//, /^dataplane\/(inspection|lan-reading|probing)\.js$/],
  [
    /^(admin|doctor|driver|agent|ipam|dns|replica)\//,
    /^store\//,
    /^store\/(store|record-reader|transact)\.js$/,
  ],
  [/^cli\//, /^server\//, /^server\/status-text\.js$/],
  [/^cli\//, /^model\//, /^model\/keys\.js$/],
  [
    /^(cli|server|doctor)\//,
    /^admin\//,
    /^admin\/(answers|mode-answer|diagnosis-answers|capture-answer|status-answer|operations|openapi)\.js$/,
  ],
  [/^admin\//, /^ipam\//, /^ipam\/pools\/describe-pools\.js$/],
  [/^host\//, /^keeper\//, /^keeper\/client\/held-sockets\.js$/],
  [/^dns\//, /^(docker|keeper)\//, /^(docker\/engine|keeper\/client\/held-sockets)\.js$/],
  [/^server\//, /^(dns|keeper)\//, /^(dns\/collaborators|keeper\/messages)\.js$/],
  [/^(main|daemon|refusal)\./, /^keeper\//, /^keeper\/client\//],
  // The keeper starts without its client half, which knows of the keeper what both sides agree on.
  [/^keeper\/[^/]+$/, /^keeper\/client\//, /^$/],
  [/^keeper\/client\//, /^keeper\/[^/]+$/, /^keeper\/(messages|make-socket)\.js$/],
];

const files = filesOf(SRC, ['.ts']);
const imports = importsOf(SRC, files);
const ours = ownImports(SRC, imports);

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
    const rooms = ours.flatMap(({ from, to }) => {
      const [importer, target] = [roomOf(from), roomOf(to)];
      return importer && target && folderOf(from) === folderOf(to) ? [[importer, target] as const] : [];
    });
    // Move what both need into the room below, or into the folder itself.
    expect(circular(rooms)).toEqual([]);
  });

  test(`no folder has more than ${MOST_FILES} files`, () => {
    expect(crowded(files)).toEqual([]);
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

  test('only the outage, the replica, the reserve and the status read whether the store is away', () => {
    const askers = files.filter((path) => /\.away\b/.test(readFileSync(join(SRC, path), 'utf8')));
    const rooms = /^(store\/outage|replica|ipam\/reserve)\/|^ipam\/outage\.ts$|^status\.ts$/;
    // Ask for a fresh answer (`get(key, { fresh: true })`), or how fresh one is (`recalled`, View.isCurrent, View.isLatest).
    expect(askers.filter((path) => !rooms.test(path))).toEqual([]);
  });

  test('the environment is read in one file', () => {
    const readers = files.filter((path) => readFileSync(join(SRC, path), 'utf8').includes('process.env'));
    expect(readers).toEqual(['config/load.ts']);
  });
});
