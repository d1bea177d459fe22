import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { HostContainers } from '../../../src/dns/answers/host-containers.js';
import type { ZoneEndpoint } from '../../../src/dns/answers/named-endpoint.js';
import { NetworkZone } from '../../../src/dns/answers/zone.js';
import type { SandboxRules, ZoneOf } from '../../../src/dns/collaborators.js';
import { holdSandbox } from '../../../src/dns/sandbox/held-sandboxes.js';
import { SandboxResolvers } from '../../../src/dns/sandbox/resolvers.js';
import { removeRedirection } from '../../../src/dns/sandbox/sandbox-resolver.js';
import type { HeldSockets } from '../../../src/keeper/client/held-sockets.js';
import { duplicateFrom, openPidfd } from '../../../src/native/processes.js';
import { compileSources } from '../../support/programs/compiled-sources.js';
import { eventually } from '../../support/time/eventually.js';
import { expectInTime } from '../../support/time/in-time.js';
import { createSandbox, rules, type Sandbox } from './sandbox.js';

const endpoint = (name: string, addresses: string[], names: string[] = []): ZoneEndpoint => ({
  containerName: name,
  names,
  addresses,
  ports: [{ port: 80, protocol: 'tcp' }],
  alive: true,
});

const ENDPOINTS = [
  endpoint('web', ['10.1.0.2', 'fd00::2']),
  endpoint('db', ['10.1.0.3']),
  ...Array.from({ length: 300 }, (_, index) =>
    endpoint(`c${index}`, [`10.2.${index >> 8}.${index & 255}`], ['many']),
  ),
];
const SILENT: ZoneEndpoint = { ...endpoint('lost', ['10.1.0.4']), alive: false };
const SHOP = NetworkZone.build(['shop'], [...ENDPOINTS, SILENT], ['10.1.0.0/24', 'fd00::/64']);
const zones = (networkId: string) => (networkId === 'n1' ? SHOP : undefined);

/** Docker could not be asked which containers there are. */
function noContainers(zoneOf: ZoneOf = zones): HostContainers {
  const containers = new HostContainers(zoneOf);
  containers.unreachable();
  return containers;
}

const HERE = dirname(fileURLToPath(import.meta.url));

/** What is held, without a keeper: the descriptors stay this process's own. */
class Held implements HeldSockets {
  readonly #descriptors = new Map<string, number>();

  list() {
    return [...this.#descriptors.keys()].map((key) => ({ key, given: false }));
  }
  async hold(key: string, fd: number) {
    this.#descriptors.set(key, fd);
  }
  async release(key: string) {
    this.#descriptors.delete(key);
  }
  take(key: string) {
    return this.#descriptors.get(key);
  }
}

/** Another process with a resolver in the sandbox that answers "web", and ends over the `deadly`th query. */
async function ownerProcess(sandbox: Sandbox, deadly = 0, manner: 'kill' | 'throw' = 'kill') {
  const sources = await compileSources(['dns', 'native', 'dataplane', 'inet', 'concurrency']);
  const words = [join(HERE, 'socket-owner.mjs'), sources.directory, sandbox.path, String(deadly), manner];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const theirs = JSON.parse(line.toString()) as { udp: number; tcp: number };
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return {
    kill,
    ended,
    /** Duplicates of its sockets in this process. */
    handOver: () => {
      const pidfd = openPidfd(child.pid!);
      const descriptors = { udp: duplicateFrom(pidfd, theirs.udp), tcp: duplicateFrom(pidfd, theirs.tcp) };
      closeSync(pidfd);
      return descriptors;
    },
    [Symbol.asyncDispose]: async () => {
      await kill();
      await sources[Symbol.asyncDispose]();
    },
  };
}

/** Resolvers that end with the test; the sandbox has one of them where `attached`. */
async function resolversFor(sandbox: Sandbox, attached = true, sockets = new Held()) {
  const resolvers = new SandboxResolvers(zones, noContainers(), rules, sockets);
  if (attached) expect(await resolvers.attach(sandbox.path, 'n1')).toBeUndefined();
  return Object.assign(resolvers, { [Symbol.asyncDispose]: () => resolvers.close() });
}

describe.each(['iptables', 'nftables'] as const)('beside Docker rules of %s', (firewall) => {
  test('names of the network are answered by us and all others by Docker, over UDP and TCP', async () => {
    await using sandbox = await createSandbox(firewall);
    expect(await sandbox.dig('web')).toBe('192.0.2.1');
    await using resolvers = await resolversFor(sandbox);
    for (const transport of ['+notcp', '+tcp']) {
      expect(await sandbox.dig(transport, 'web')).toBe('10.1.0.2');
      expect(await sandbox.dig(transport, 'WEB.shop', 'AAAA')).toBe('fd00::2');
      expect(await sandbox.dig(transport, '-x', '10.1.0.2')).toBe('web.shop.');
      expect(await sandbox.dig(transport, '_80._tcp.db', 'SRV')).toBe('0 0 80 db.shop.');
      expect(await sandbox.dig(transport, 'outside.example')).toBe('192.0.2.1');
      expect(await sandbox.dig(transport, 'large.example', 'TXT')).toHaveLength(17 * 202 + 16);
      expect(await sandbox.dig(transport, 'nobody.example')).toBe('');
    }
    expect(resolvers.status()).toMatchObject({ sandboxes: 1, failedInstalls: 0, dropped: 0 });
  });

  test('Docker alone answers again once the sandbox left the network', async () => {
    await using sandbox = await createSandbox(firewall);
    const sockets = new Held();
    await using resolvers = await resolversFor(sandbox, true, sockets);
    await resolvers.attach(sandbox.path, 'n2');
    expect(sockets.list()).toHaveLength(4);
    await resolvers.detach(sandbox.path, 'n2');
    expect(await sandbox.dig('db')).toBe('10.1.0.3');
    await resolvers.detach(sandbox.path, 'n1');
    expect(await sandbox.dig('web')).toBe('192.0.2.1');
    expect(await sandbox.netns.exec('nft', 'list', 'tables')).not.toContain('xnet');
    expect(await sandbox.netns.exec('ss', '-Hlnu')).not.toContain(`pid=${process.pid}`);
    expect(sockets.list()).toEqual([]);
  });

  test('the rule is put back where others altered it, and only there', async () => {
    await using sandbox = await createSandbox(firewall);
    await using resolvers = await resolversFor(sandbox);
    const repaired: string[] = [];
    const repair = () =>
      resolvers.repairRules((path) => void repaired.push(path), new AbortController().signal);
    const list = () => sandbox.netns.exec('nft', '-s', 'list', 'table', 'ip', 'xnet');
    const right = await list();
    await repair();
    expect(repaired).toEqual([]);
    for (const words of [
      ['flush', 'chain', 'ip', 'xnet', 'output'],
      ['delete', 'table', 'ip', 'xnet'],
      ['insert', 'rule', 'ip', 'xnet', 'output', 'accept'],
    ]) {
      await sandbox.netns.exec('nft', ...words);
      expect(await sandbox.dig('web')).toBe('192.0.2.1');
      await repair();
      expect(repaired.splice(0)).toEqual([sandbox.path]);
      expect(await sandbox.dig('web')).toBe('10.1.0.2');
      expect(await list()).toBe(right);
      await repair();
    }
    await sandbox.netns.exec('nft', 'add', 'table', 'ip', 'strange');
    await repair();
    expect(repaired).toEqual([]);
    expect(resolvers.status().lastFailures).toEqual([]);
  });

  test('where rules read otherwise than they are written, they are written again only when something was altered', async () => {
    await using sandbox = await createSandbox(firewall);
    let writings = 0;
    const repair: SandboxRules['repair'] = async () => {
      writings += 1;
      await sandbox.netns.exec('nft', 'add', 'rule', 'ip', 'xnet', 'output', 'counter');
      return 'rewritten';
    };
    const resolvers = new SandboxResolvers(zones, noContainers(), { ...rules, repair }, new Held());
    await resolvers.attach(sandbox.path, 'n1');
    const look = () => resolvers.repairRules(() => undefined, new AbortController().signal);
    for (let looks = 0; looks < 3; looks++) await look();
    expect(writings).toBe(1);
    await sandbox.netns.exec('nft', 'add', 'table', 'ip', 'strange');
    for (let looks = 0; looks < 3; looks++) await look();
    expect(writings).toBe(2);
    await resolvers.close();
  });

  test('1000 queries at once, all with one id, get each its own answer', async () => {
    await using sandbox = await createSandbox(firewall);
    await using _resolvers = await resolversFor(sandbox);
    expect(await sandbox.load('slow-n%.example', 1000, 1000, true)).toMatchObject({ wrong: 0, lost: 0 });
    expect(await sandbox.load('n%.example', 3000, 100)).toMatchObject({ wrong: 0, lost: 0 });
  });
});

describe('a sandbox with a resolver', () => {
  test('serves real clients: getent and busybox', async () => {
    await using sandbox = await createSandbox();
    await using _resolvers = await resolversFor(sandbox);
    expect(await sandbox.netns.exec('getent', 'ahostsv4', 'web.shop')).toMatch(/^10\.1\.0\.2 +STREAM/);
    expect(await sandbox.netns.exec('getent', 'ahosts', 'web')).toContain('fd00::2');
    expect(await sandbox.netns.exec('getent', 'hosts', '10.1.0.3')).toMatch(/db\.shop/);
    expect(await sandbox.netns.exec('busybox', 'nslookup', 'db', '127.0.0.11')).toContain('10.1.0.3');
    expect(await sandbox.netns.succeeds('getent', 'hosts', 'nobody')).toBe(false);
  });

  test('passes EDNS on as it came: size, DO bit, options', async () => {
    await using sandbox = await createSandbox();
    await using _resolvers = await resolversFor(sandbox);
    const asked = ['edns.example', 'TXT', '+nocookie'];
    expect(await sandbox.dig(...asked, '+noedns')).toBe('"none"');
    expect(await sandbox.dig(...asked, '+bufsize=1777', '+dnssec')).toBe('"1777 do=true options="');
    expect(await sandbox.dig(...asked, '+bufsize=1232', '+ednsopt=65001:abcd')).toBe(
      '"1232 do=false options=65001"',
    );
  });

  test.each(['+notcp', '+tcp'])(
    'asked %s while more names will be known soon, a denial waits',
    async (how) => {
      await using sandbox = await createSandbox();
      let [zone, current] = [undefined as NetworkZone | undefined, false];
      const zoneOf = () => zone;
      const isCurrent = () => current;
      const resolvers = new SandboxResolvers(zoneOf, noContainers(zoneOf), rules, new Held(), isCurrent);
      expect(await resolvers.attach(sandbox.path, 'n1')).toBeUndefined();
      expect(await sandbox.dig(how, 'outside.example')).toBe('192.0.2.1');
      const asked = ['db', 'nobody.example'].map((name) => sandbox.dig(how, '+tries=1', '+time=8', name));
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      [zone, current] = [SHOP, true];
      expect(await Promise.all(asked)).toEqual(['10.1.0.3', '']);
      await resolvers.close();
    },
  );

  test("an answer too large for the client is truncated and had over TCP, ours and Docker's", async () => {
    await using sandbox = await createSandbox();
    await using _resolvers = await resolversFor(sandbox);
    for (const [name, type] of [
      ['many', 'A'],
      ['large.example', 'TXT'],
    ] as const) {
      const cut = await sandbox.netns.exec('dig', '+noedns', '+ignore', name, type);
      expect(cut).toMatch(/flags: qr tc rd/);
      expect(await sandbox.netns.exec('dig', '+noedns', name, type)).toMatch(
        /;; Truncated, retrying in TCP mode/,
      );
    }
    expect(
      (await sandbox.dig('+noedns', 'many')).split('\n').filter((line) => /^10/.test(line)),
    ).toHaveLength(300);
    expect(await sandbox.dig('+bufsize=4096', '+ignore', 'large.example', 'TXT')).toContain('xxx');
  });

  test("answers with the tasks of a service where Docker's resolver has a virtual address, which nobody has here", async () => {
    await using sandbox = await createSandbox();
    await using _resolvers = await resolversFor(sandbox);
    const sorted = async (...words: string[]) => (await sandbox.dig(...words)).split('\n').sort();
    for (const transport of ['+notcp', '+tcp']) {
      // Not that of a silent host; 10.1.0.5 has no record yet.
      expect(await sorted(transport, 'ViP')).toEqual(['10.1.0.2', '10.1.0.3', '10.1.0.5']);
      expect(await sorted(transport, 'crowd')).toHaveLength(100);
      // The address of a container: no virtual one.
      expect(await sandbox.dig(transport, 'web2')).toBe('10.1.0.2');
      // Docker does not know better.
      expect(await sandbox.dig(transport, 'idle')).toBe('10.1.0.79');
    }
    expect(await sandbox.netns.exec('dig', '+noedns', '+ignore', 'crowd')).toMatch(/flags: qr tc rd/);
    expect(await sandbox.netns.exec('dig', 'VIP')).toMatch(/^VIP\.\s+5\s+IN\s+A\s/m);
    const asked = Date.now();
    expect(await sandbox.dig('mute')).toBe('10.1.0.80');
    expectInTime(Date.now() - asked, 2_500);
  });

  test('answers 200 pipelined queries of one TCP connection, ours and others', async () => {
    await using sandbox = await createSandbox();
    await using _resolvers = await resolversFor(sandbox);
    const client = join(HERE, 'pipeline-client.mjs');
    const answers = JSON.parse(await sandbox.netns.exec(process.execPath, client, '200')) as [
      number,
      string,
    ][];
    expect(new Set(answers.map(([id]) => id)).size).toBe(200);
    for (const [id, data] of answers) expect(data).toBe(id % 2 ? `10.99.0.${id}` : '10.1.0.2');
  });

  test('follows a Docker resolver that comes back on other ports, and tells at once when there is none', async () => {
    await using sandbox = await createSandbox();
    await using _resolvers = await resolversFor(sandbox);
    expect(await sandbox.dig('outside.example')).toBe('192.0.2.1');
    await sandbox.stopDocker();
    const asked = Date.now();
    expect(await sandbox.netns.exec('dig', '+tries=1', '+time=4', 'outside.example')).toContain('SERVFAIL');
    expectInTime(Date.now() - asked, 2_000);
    expect(await sandbox.dig('web')).toBe('10.1.0.2');
    await sandbox.restartDocker();
    expect(await sandbox.dig('outside.example')).toBe('192.0.2.1');
  });

  test('is never mistaken for a client, nor a client for it, though both use every port there is', async () => {
    await using sandbox = await createSandbox();
    await using _resolvers = await resolversFor(sandbox);
    await sandbox.netns.exec('sysctl', '-qw', 'net.ipv4.ip_local_port_range=40000 40007');
    const many: string[] = Array(64).fill('web');
    const answers = many.map(() => '10.1.0.2').join('\n');
    expect(await sandbox.dig(...many)).toBe(answers);
    expect(await sandbox.dig('outside.example')).toBe('192.0.2.1');
    expect(await sandbox.dig(...many)).toBe(answers);
  });

  test('loses no query when the resolver is removed under load', async () => {
    await using sandbox = await createSandbox();
    await using resolvers = await resolversFor(sandbox);
    const load = sandbox.load('slow.example', 40, 10);
    // One socket for all its queries: only conntrack knows of the way to us.
    await eventually('the first query is passed on', () => resolvers.status().forwarded > 0);
    await resolvers.close();
    expect(await load).toMatchObject({ wrong: 0, lost: 0 });
  });

  test('is found also by a client that has asked Docker before from the same socket', async () => {
    await using sandbox = await createSandbox();
    const load = sandbox.load('slow.example', 20, 1);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await using resolvers = await resolversFor(sandbox);
    expect(await load).toMatchObject({ wrong: 0, lost: 0 });
    expect(resolvers.status().forwarded).toBeGreaterThan(0);
  });

  test('is let go of when its namespace ended without a word', async () => {
    const sandbox = await createSandbox();
    const sockets = new Held();
    await using resolvers = await resolversFor(sandbox, true, sockets);
    await resolvers.sweep();
    expect(resolvers.status().sandboxes).toBe(1);
    await sandbox[Symbol.asyncDispose]();
    await resolvers.sweep();
    expect(resolvers.status().sandboxes).toBe(0);
    expect(sockets.list()).toEqual([]);
  });
});

test('a query takes at most a millisecond longer than Docker alone takes, ours or passed on', async () => {
  await using sandbox = await createSandbox();
  const direct = await sandbox.load('outside.example', 1000, 1);
  await using _resolvers = await resolversFor(sandbox);
  const answered = await sandbox.load('web', 1000, 1);
  const forwarded = await sandbox.load('outside.example', 1000, 1);
  const many = await sandbox.load('web', 10_000, 50);
  console.log('figures', JSON.stringify({ direct, answered, forwarded, many }));
  expectInTime(answered.medianMs - direct.medianMs, 1);
  expectInTime(forwarded.medianMs - direct.medianMs, 1);
  expect([direct, answered, forwarded, many].map(({ wrong, lost }) => wrong + lost)).toEqual([0, 0, 0, 0]);
});

describe('a resolver that cannot be installed', () => {
  test("is a reason and a count, and Docker's resolver answers", async () => {
    await using sandbox = await createSandbox();
    await using resolvers = await resolversFor(sandbox, false);
    expect(await resolvers.attach('/run/netns/none-such', 'n1')).toContain('no network namespace');
    const brokenRules = {
      ensure: () => Promise.reject(new Error('nft is broken')),
      repair: () => Promise.reject(new Error('nft is broken')),
      remove: () => Promise.reject(new Error('nft is broken')),
    };
    const broken = new SandboxResolvers(zones, noContainers(), brokenRules, new Held());
    expect(await broken.attach(sandbox.path, 'n1')).toBe('nft is broken');
    expect(broken.status()).toMatchObject({ sandboxes: 0, failedInstalls: 1 });
    expect(await sandbox.dig('web')).toBe('192.0.2.1');
    expect(await sandbox.netns.exec('ss', '-Hlnut')).not.toMatch(/(127\.0\.0\.11.*){3}/s);
    await broken.close();
  });

  test('by a table of another kind is refused by nft, and another attach tries again', async () => {
    await using sandbox = await createSandbox();
    await using resolvers = await resolversFor(sandbox, false);
    await sandbox.netns.exec(
      'nft',
      'add table ip xnet; add chain ip xnet output { type filter hook output priority 0; }',
    );
    expect(await resolvers.attach(sandbox.path, 'n1')).toEqual(expect.any(String));
    await sandbox.netns.exec('nft', 'delete', 'table', 'ip', 'xnet');
    expect(await resolvers.attach(sandbox.path, 'n1')).toBeUndefined();
    expect(await sandbox.dig('web')).toBe('10.1.0.2');
  });
});

describe('when the process that owns the sockets is killed', () => {
  test('removing the rule by path leaves nothing, and clients with old sockets reach Docker', async () => {
    await using sandbox = await createSandbox();
    await using owner = await ownerProcess(sandbox);
    expect(await sandbox.dig('web')).toBe('10.1.0.2');
    await owner.kill();
    expect(await sandbox.netns.succeeds('dig', '+tries=1', '+time=1', 'web')).toBe(false);
    await removeRedirection(sandbox.path, rules);
    expect(await sandbox.dig('web')).toBe('192.0.2.1');
    expect(await sandbox.netns.exec('nft', 'list', 'tables')).not.toContain('xnet');
  });

  test('a new one installs itself over what was left', async () => {
    await using sandbox = await createSandbox();
    await using owner = await ownerProcess(sandbox);
    await owner.kill();
    await using _resolvers = await resolversFor(sandbox);
    expect(await sandbox.dig('web')).toBe('10.1.0.2');
    expect(await sandbox.dig('outside.example')).toBe('192.0.2.1');
  });

  test('queries wait in sockets that another process holds and are answered by the one that adopts them', async () => {
    await using sandbox = await createSandbox();
    await using owner = await ownerProcess(sandbox);
    const sockets = new Held();
    await holdSandbox(sockets, sandbox.path, 'n1', owner.handOver());
    await owner.kill();
    const waiting = sandbox.load('web', 20, 20);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await using resolvers = await resolversFor(sandbox, false, sockets);
    await resolvers.adoptHeld();
    expect(resolvers.status().sandboxes).toBe(1);
    expect(await waiting).toMatchObject({ wrong: 0, lost: 0 });
    expect(await sandbox.dig('+tcp', 'db')).toBe('10.1.0.3');
  });

  test.each([1, 7])('over query %i, in the midst of answering it, no query is lost', async (deadly) => {
    await using sandbox = await createSandbox();
    await using owner = await ownerProcess(sandbox, deadly);
    const sockets = new Held();
    await holdSandbox(sockets, sandbox.path, 'n1', owner.handOver());
    const load = sandbox.load('web', 20, 20);
    await owner.ended;
    await using resolvers = await resolversFor(sandbox, false, sockets);
    await resolvers.adoptHeld();
    expect(await load).toMatchObject({ wrong: 0, lost: 0 });
  });

  test('a query that ends it by an error is not left to its successors, which it would end too', async () => {
    await using sandbox = await createSandbox();
    await using owner = await ownerProcess(sandbox, 1, 'throw');
    const sockets = new Held();
    await holdSandbox(sockets, sandbox.path, 'n1', owner.handOver());
    expect(await sandbox.netns.succeeds('dig', '+tries=1', '+time=1', 'web')).toBe(false);
    await owner.ended;
    await using resolvers = await resolversFor(sandbox, false, sockets);
    await resolvers.adoptHeld();
    expect(await sandbox.dig('web')).toBe('10.1.0.2');
    expect(resolvers.status().answered).toBe(1);
  });
});
