/**
 * What the commands answer when parts are down, compared with what Docker, the kernel and etcd have: a host that is dead, one that is
 * cut off, one without its daemon, without etcd, without Docker. And what is taken away: `xnet export`, `xnet bundle`.
 */
import { expect } from '@jest/globals';
import { type Answer, OPERATIONS, type OperationName } from '../../src/admin/operations.js';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import {
  createNetwork,
  describeNetwork,
  expectEverywhere,
  expectNoProblem,
  expectProblem,
} from '../support/containers/networks.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** A host that is restarted is silent after 10 s; on a machine at work. */
const SILENT_MS = 30_000;

/** Errors are logged for as long as etcd does not answer. */
const OUTAGE = { timeoutMs: 180_000, logsErrors: true };

const TLS = '/etc/xnet/tls';

const NOT_ANSWERED = /the daemon does not answer: this is what this host knew last, at 2\S+Z; `xnet status`/;

/** The answer, strictly as it is described, whatever the exit code. */
async function ask<N extends OperationName>(
  lab: Lab,
  host: string,
  name: N,
  command: string,
): Promise<Answer<N>> {
  const text = await lab.in(host, 'sh', '-c', `xnet ${command} -o json 2>/dev/null || test $? = 1`);
  return OPERATIONS[name].answer.parse(JSON.parse(text)) as Answer<N>;
}

const LISTS = {
  networks: 'networks',
  endpoints: 'endpoints',
  names: 'names shop',
  addresses: 'addresses shop',
  pools: 'pools',
  hosts: 'hosts',
  network: 'network show shop',
} as const satisfies Partial<Record<OperationName, string>>;

/** All lists of the cluster, but for what only etcd knows of hosts; and `xnet export`. */
async function listsOf(lab: Lab, host: string): Promise<Record<string, unknown>> {
  const commands = [...Object.values(LISTS).map((command) => `xnet ${command} -o json`), 'xnet export'];
  const text = await lab.in(
    host,
    'sh',
    '-c',
    commands.map((each) => `${each} 2>/dev/null; echo ---`).join('; '),
  );
  const texts = text.split(/^---$/m);
  const parsed = <N extends keyof typeof LISTS>(name: N) =>
    OPERATIONS[name].answer.parse(JSON.parse(texts[Object.keys(LISTS).indexOf(name)] ?? '')) as Answer<N>;
  const { options, labels, endpoints } = parsed('network');
  return {
    asOf: parsed('endpoints').asOf,
    networks: parsed('networks').items,
    // What was dropped the host's own daemon counts.
    endpoints: parsed('endpoints').items.map(({ host: { name }, forged: _, ...rest }) => ({
      ...rest,
      host: name,
    })),
    names: parsed('names').items.map(({ host: { name }, ...rest }) => ({ ...rest, host: name })),
    // A host takes addresses for its reserve at any time.
    addresses: parsed('addresses').items.filter(({ state }) => state !== 'reserved'),
    subnets: parsed('pools').items.map(({ subnet }) => subnet),
    hosts: parsed('hosts').map(({ id, name, vtep }) => ({ id, name, vtep })),
    ...{
      network: { options, labels, endpoints },
      document: texts.at(-2),
    },
  };
}

function statesOf(hosts: Answer<'hosts'>): Record<string, boolean | undefined> {
  return Object.fromEntries(hosts.map(({ name, alive }) => [`${name}`, alive]));
}

/** `CONTAINER HOST ADDRESS`, by Docker of the hosts. */
async function containersInDocker(lab: Lab, network: string): Promise<string[]> {
  const found: string[] = [];
  for (const host of lab.hosts) {
    const text = await lab.docker(host, 'network', 'inspect', network, '--format', '{{json .Containers}}');
    for (const { Name, IPv4Address } of Object.values<Record<string, string>>(JSON.parse(text)))
      found.push(`${Name} ${host} ${IPv4Address?.split('/')[0]}`);
  }
  return found.sort();
}

async function containersInXnet(lab: Lab, host: string): Promise<string[]> {
  const { items } = await ask(lab, host, 'endpoints', 'endpoints --network shop');
  return items.map((item) => `${item.container?.name} ${item.host.name} ${item.addresses}`).sort();
}

/** What is altered meanwhile nobody mends, and it is said, as that etcd and Docker do not answer. */
async function sayWhatIsDown(lab: Lab, { withoutDaemon }: Answer<'status'>): Promise<void> {
  const namespace = `xnet-${withoutDaemon?.forwarding[0]}`;
  await lab.in('h1', 'ip', '-n', namespace, 'link', 'set', 'vxlan0', 'down');
  await lab.etcd('stop', 'etcd1');
  await lab.dockerd('h1', 'stop');
  try {
    const { problems } = await ask(lab, 'h1', 'status', 'status');
    expect(problems).toEqual([
      expect.stringMatching(/no xnet daemon answers/),
      expect.stringMatching(/etcd .* does not answer/),
      expect.stringMatching(/Docker's API .* no such socket/),
      expect.stringMatching(/containers of network shop on this host are cut off/),
    ]);
    const { hosts } = await ask(lab, 'h1', 'doctor', 'doctor --all');
    const failed = hosts[0]?.findings.filter(({ verdict }) => verdict === 'failure');
    expect([...new Set(failed?.map(({ check }) => check))]).toEqual(['status', 'etcd', 'docker']);
  } finally {
    await lab.etcd('start', 'etcd1');
    await lab.dockerd('h1', 'start');
  }
}

describeInLab('offline', { hosts: 3, etcdTls: true }, (test) => {
  test(
    'with one host dead and one cut off, all that is known is said, and of whom it is not',
    async (lab) => {
      await createMirroredNetwork(lab, 'shop', ['--label', 'team=a']);
      for (const host of lab.hosts) await runContainer(lab, host, 'shop', { name: `web-${host}` });
      const truth = await containersInDocker(lab, 'shop');
      for (const host of lab.hosts)
        await eventually(async () => expect(await containersInXnet(lab, host)).toEqual(truth));
      const lists = await listsOf(lab, 'h1');
      await lab.xnet('h3', 'kill');
      await lab.run(['partition', 'h2']);
      try {
        await eventually(async () => {
          const hosts = await ask(lab, 'h1', 'hosts', 'hosts');
          expect(statesOf(hosts)).toEqual({ h1: true, h2: false, h3: false });
        }, SILENT_MS);
        expect(await listsOf(lab, 'h1')).toEqual(lists);
        for (const peer of ['h2', 'h3'])
          await expectProblem(lab, 'h1', new RegExp(`host ${peer} .* is silent`), SILENT_MS);
        const { hosts: examined } = await ask(lab, 'h1', 'doctor', 'doctor --all');
        expect(examined.map(({ host }) => host)).toEqual(['h1']);
        const events = await ask(lab, 'h1', 'events', 'events --all');
        const silent = events.items.filter(({ kind }) => kind === 'host silent').map(({ what }) => what);
        expect(silent).toEqual(expect.arrayContaining(['h2', 'h3']));
        // The host that is cut off.
        await expectProblem(lab, 'h2', /etcd at/);
        expect(await listsOf(lab, 'h2')).toEqual({ ...lists, asOf: 'last known' });
        expect(statesOf(await ask(lab, 'h2', 'hosts', 'hosts'))).toEqual({});
        await expect(lab.in('h2', 'xnet', 'host', 'rm', 'h3')).rejects.toThrow(/etcd/);
        const ofH2 = await ask(lab, 'h2', 'doctor', 'doctor --all');
        expect(ofH2.hosts.map(({ host, refusal }) => [host, refusal !== undefined])).toEqual([
          ['h2', false],
          ['other hosts', true],
        ]);
      } finally {
        await lab.run(['heal', 'h2']);
        await lab.xnet('h3', 'start');
      }
      for (const host of lab.hosts) await expectNoProblem(lab, host);
    },
    OUTAGE,
  );

  test(
    'without the daemon a host says what it knew last, and what is down',
    async (lab) => {
      // Docker that is stopped without its plugin waits for that until it must end, and leaves behind what leads from a container to
      // docker_gwbridge: it has none on an internal network.
      await createMirroredNetwork(lab, 'shop', ['--label', 'team=a', '--internal']);
      await createNetwork(lab, 'h1', 'alone', '-o', 'xnet.mirror=off');
      const [db] = [await runContainer(lab, 'h1', 'shop', { name: 'db' })];
      const web = await runContainer(lab, 'h2', 'shop', { name: 'web' });
      const truth = await containersInDocker(lab, 'shop');
      await eventually(async () => expect(await containersInXnet(lab, 'h1')).toEqual(truth));
      const [lists, before] = [await listsOf(lab, 'h1'), await ask(lab, 'h1', 'status', 'status')];
      const configuration = JSON.stringify({
        store: before.store.description.replace(/.*https(:\S+) .*/, 'etcds$1'),
        ...{ etcdCa: `${TLS}/ca.pem`, etcdCert: `${TLS}/client.pem`, etcdKey: `${TLS}/client-key.pem` },
      });
      await lab.xnet('h1', 'stop');
      try {
        expect(await listsOf(lab, 'h1')).toEqual({ ...lists, asOf: 'last known' });
        const all = ['status', 'doctor', 'networks', 'names db', 'pools', 'events'];
        const said = await lab.in(
          'h1',
          'sh',
          '-c',
          all.map((command) => `xnet ${command} 2>&1 >/dev/null; echo $?`).join('; '),
        );
        expect(said.split('\n')).toEqual(all.flatMap(() => [expect.stringMatching(NOT_ANSWERED), '1']));
        // The lab gives its daemon certificates by options.
        expect(await lab.in('h1', 'sh', '-c', 'xnet status || true')).toMatch(
          /^store .*: not asked; its cert/m,
        );
        await lab.in('h1', 'sh', '-c', `echo '${configuration}' >/etc/xnet/xnet.json`);
        const status = await ask(lab, 'h1', 'status', 'status');
        expect(status.problems).toEqual([
          expect.stringMatching(/no xnet daemon answers .*systemctl start xnet/),
        ]);
        expect(status.store.answerMs).toBeGreaterThanOrEqual(0);
        const placed = ({ networks }: typeof status) =>
          networks
            .map(({ name, endpoints }) => ({ name, endpoints }))
            .sort((a, b) => (`${a.name}` < `${b.name}` ? -1 : 1));
        expect(placed(status)).toEqual(placed(before));
        expect(status.docker?.version).toBe(before.docker?.version);
        // As it says, traffic goes on.
        expect(status.withoutDaemon?.forwarding).toEqual([
          status.networks.find(({ name }) => name === 'shop')?.id,
        ]);
        expect(await db.reaches(await web.address())).toBe(true);
        const last = status.withoutDaemon?.events.map(({ kind }) => kind);
        expect(last).toEqual(expect.arrayContaining(['endpoint up', 'daemon stopped']));
        await expect(lab.in('h1', 'xnet', 'host', 'rm', 'h2')).rejects.toThrow(/no xnet daemon answers/);
        await expect(lab.in('h1', 'xnet', 'networks', '--admin-socket', '/run/other.sock')).rejects.toThrow(
          /^(?!.*this host knew).*no xnet daemon answers on \/run\/other.sock/s,
        );
        await sayWhatIsDown(lab, status);
      } finally {
        await lab.in('h1', 'rm', '-f', '/etc/xnet/xnet.json');
        await lab.xnet('h1', 'start');
      }
      for (const host of lab.hosts) await expectNoProblem(lab, host);
    },
    OUTAGE,
  );

  test('the networks come back as they were by the commands that are printed', async (lab) => {
    const networks = {
      shop: [
        ...['--subnet', '10.71.0.0/24', '--ip-range', '10.71.0.128/25', '--gateway', '10.71.0.1'],
        ...['--aux-address', 'printer=10.71.0.9', '--label', "note=it's $HOME; `id`", '--label', 'team=a'],
      ],
      dual: [
        ...['--ipv6', '--subnet', 'fd00:71::/64', '--subnet', '10.72.0.0/24', '--internal', '--attachable'],
        ...['-o', 'com.docker.network.driver.mtu=1300', '-o', 'xnet.vni=777001'],
      ],
      chosen: ['-o', 'xnet.multicast=off'],
    };
    for (const [name, options] of Object.entries(networks)) await createNetwork(lab, 'h1', name, ...options);
    await lab.docker('h1', 'network', 'create', '-d', 'xnet', 'plain');
    await createNetwork(lab, 'h2', 'alone', '-o', 'xnet.mirror=off');
    const names = [...Object.keys(networks), 'plain'];
    await expectEverywhere(lab, names, ['h1', 'h3']);
    const describeAll = () =>
      Promise.all(names.flatMap((name) => ['h1', 'h3'].map((host) => describeNetwork(lab, host, name))));
    const before = await describeAll();
    const [yaml, commands] = await Promise.all([
      lab.in('h3', 'xnet', 'export'),
      lab.in('h3', 'xnet', 'export', '--commands'),
    ]);
    expect(yaml.match(/(?<=^ {2}- name: ).*/gm)).toEqual([...names].sort());
    expect(await lab.in('h3', 'sh', '-c', 'xnet export 2>&1 >/dev/null')).toBe(
      'alone is left out: it is only on h2: docker network inspect there',
    );
    for (const name of names) await lab.docker('h1', 'network', 'rm', name);
    await expectEverywhere(lab, [], ['h1', 'h3']);
    await lab.in('h1', 'sh', '-c', commands);
    await expectEverywhere(lab, names, ['h1', 'h3']);
    expect(await describeAll()).toEqual(before);
    expect(await lab.in('h3', 'xnet', 'export')).toBe(yaml);
  });

  test('an archive has what a maintainer needs, of a host that works and of one that does not, and no secret', async (lab) => {
    await createMirroredNetwork(lab, 'shop', ['--label', 'token=planted-label']);
    const options = ['-e', 'TOKEN=planted-environment', '--label', 'key=planted-container-label'];
    await runContainer(lab, 'h1', 'shop', { name: 'db', options });
    const inHost = (script: string) => lab.in('h1', 'sh', '-c', script);
    const key = (await inHost('grep -rhA2 "PRIVATE KEY" /etc/xnet/tls | sed -n 2p')).trim();
    expect(key.length).toBeGreaterThan(30);
    /** Unpacks it to /tmp/bundle. */
    const bundle = async () => {
      await inHost('rm -rf /tmp/bundle /tmp/b.tar.gz && xnet bundle -w /tmp/b.tar.gz');
      await inHost('mkdir /tmp/bundle && tar -xzf /tmp/b.tar.gz -C /tmp/bundle --strip-components=1');
      expect(await inHost('stat -c %a /tmp/b.tar.gz')).toBe('600');
      const secrets = await inHost(
        `grep -rlE 'planted|PRIVATE KEY' /tmp/bundle; grep -rlF '${key}' /tmp/bundle; true`,
      );
      expect(secrets).toBe('');
      return await inHost('cat /tmp/bundle/MANIFEST');
    };
    const manifest = await bundle();
    expect(manifest).not.toContain('not had');
    const files = (await inHost('cd /tmp/bundle && find . -type f | sed s,./,,')).split('\n').sort();
    const named = [...manifest.matchAll(/^ {2}(\S+) {2}\d+ bytes/gm)].map(([, file]) => `${file}`);
    expect([...named, 'MANIFEST'].sort()).toEqual(files);
    const read = async (file: string) => JSON.parse(await inHost(`cat /tmp/bundle/${file}.json`));
    expect(await read('xnet/endpoints')).toEqual(await ask(lab, 'h1', 'endpoints', 'endpoints'));
    expect((await read('xnet/networks')).networks[0].labels).toEqual({ token: '(hidden)' });
    expect((await read('xnet/settings')).settings.etcdKey).toBe('(set)');
    const docker = await read('docker');
    expect(docker.networks.map(({ name }: { name: string }) => name)).toContain('shop');
    const id = (await read('xnet/networks')).networks[0].id;
    expect(await inHost(`cat /tmp/bundle/kernel/xnet-${id}/links.txt`)).toContain('vxlan id');
    expect(await inHost('cat /tmp/bundle/log.txt')).toContain('"message":"ready"');
    await expect(inHost('xnet bundle -w /tmp/b.tar.gz')).rejects.toThrow(
      /is there already; give another name/,
    );
    // The host does not work, and its configuration has secrets.
    const configuration =
      '{"store":"etcd://root:planted-url@h1","etcdUser":"planted-user","etcdPassword":"planted-password"}';
    await inHost(`mkdir -p /etc/xnet && echo '${configuration}' >/etc/xnet/xnet.json`);
    await lab.xnet('h1', 'stop');
    try {
      const offline = await bundle();
      expect(offline).toMatch(/^ {2}log.txt {2}not had/m);
      const { problems } = await read('xnet/status');
      expect(problems).toContainEqual(expect.stringMatching(/cannot start with this configuration/));
      expect((await read('xnet/endpoints')).items).toHaveLength(1);
    } finally {
      await inHost('rm -rf /etc/xnet/xnet.json /tmp/bundle /tmp/b.tar.gz');
      await lab.xnet('h1', 'start');
    }
  });
});
