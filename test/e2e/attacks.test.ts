/**
 * What people try who may not (docs/security-model.md): each attempt fails, and is counted or logged. A table for each attacker; a new
 * one is a row.
 */
import { expect } from '@jest/globals';
import { endpointsAnswer } from '../../src/admin/answers.js';
import { linkLocalOf } from '../../src/inet/mac-address.js';
import { type Attempt, expectToFail } from '../support/attacks/attempts.js';
import { DOMAIN, forgeries } from '../support/attacks/forgeries.js';
import {
  arrivalsOf,
  arrives,
  FORGED_TYPE,
  sendFrames,
  sendScript,
  socatScript,
  vxlanPacket,
} from '../support/attacks/frames.js';
import {
  type Container,
  createMirroredNetwork,
  createSharedNetwork,
  runContainer,
  succeeds,
} from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';
import { fragments } from '../support/traffic/fragments.js';
import { udp } from '../support/traffic/frames.js';

/** The networks `shop` and `secret`, which is encrypted, are on h2 and h3; h1 has none of them. */
interface Scene {
  readonly lab: Lab;
  /** In `shop`, on h2. */
  readonly victim: Container;
  /** In `secret`, on h2. */
  readonly sealed: Container;
  readonly h1: string;
  readonly h2: string;
  readonly h3: string;
}

const VNI = 4242;
const SECRET_VNI = 4243;
/** Of the paths between hosts, which every host has that has a network. */
const PATH_VNI = 2 ** 24 - 1;

async function counted(lab: Lab, host: string, counter = 'forged'): Promise<string> {
  return lab.in(host, 'sh', '-c', `nft list counter inet xnet ${counter} 2>/dev/null || echo no table`);
}

/** Whether it comes to the victim before what a host may send. */
const reachesVictim = (scene: Scene, send: () => Promise<unknown>) =>
  arrives(scene.victim, send, FORGED_TYPE, () => asHost3(scene, VNI, true));

/** On the underlay, with no xnet. */
const fromStranger = (scene: Scene, vni: number, flags?: string) =>
  reachesVictim(scene, () =>
    scene.lab.in(
      'etcd1',
      'bash',
      '-c',
      sendScript({ vni, to: scene.h2, ...(flags !== undefined && { flags }) }),
    ),
  );

/** With the address of a host: the kernel lets root send so. */
const asHost3 = ({ lab, h2, h3 }: Scene, vni: number, isLast = false) =>
  lab.in('etcd1', 'sh', '-c', socatScript({ vni, to: h2, isLast }, `,bind=${h3},ip-transparent`));

async function overIpv6({ lab }: Scene, vni: number): Promise<void> {
  const mac = await lab.in('h2', 'cat', '/sys/class/net/eth0/address');
  await lab.in('etcd1', 'bash', '-c', sendScript({ vni, to: `${linkLocalOf(mac.trim())}%eth0` }));
}

async function sendFragments({ lab, h2 }: Scene, vni: number): Promise<void> {
  const [from, to] = await Promise.all(
    ['etcd1', 'h2'].map((host) => lab.in(host, 'cat', '/sys/class/net/eth0/address')),
  );
  const datagram = { from: await lab.ip('etcd1'), to: h2, port: 4789, payload: vxlanPacket({ vni }) };
  const frames = fragments(datagram, { from: `${from}`.trim(), to: `${to}`.trim() }, 0);
  await lab.in('etcd1', 'sh', '-c', sendFrames(frames));
}

const STRANGER: readonly Attempt<Scene>[] = [
  {
    what: 'a frame into a network, from an address that is no VTEP',
    make: (scene) => fromStranger(scene, VNI),
    seen: ({ lab }) => counted(lab, 'h2'),
  },
  {
    what: 'a frame with the VNI of the paths',
    make: (scene) => fromStranger(scene, PATH_VNI),
    seen: ({ lab }) => counted(lab, 'h2'),
  },
  {
    what: 'a frame with a VNI that no network has',
    make: (scene) => fromStranger(scene, 777),
    unseen: 'it may be that of another overlay, which is none of xnet’s business; no device takes it',
  },
  {
    what: 'a packet of the port that is no VXLAN',
    make: (scene) => fromStranger(scene, VNI, '00'),
    seen: ({ lab }) => counted(lab, 'h2'),
  },
  {
    what: 'a frame in fragments, the first of which does not show the VNI',
    make: (scene) => reachesVictim(scene, () => sendFragments(scene, VNI)),
    // Where connections are tracked, as by Docker, the kernel has put it together; else it may be of an encrypted network.
    seen: async ({ lab }) => [await counted(lab, 'h2'), await counted(lab, 'h2', 'in_clear')].join(),
  },
  {
    what: 'a frame into an encrypted network, from the address of a host',
    make: (scene) => arrives(scene.sealed, () => asHost3(scene, SECRET_VNI)),
    seen: ({ lab }) => counted(lab, 'h2', 'in_clear'),
  },
  {
    what: 'the same over IPv6, which such networks use, to the address that the host has by itself',
    make: (scene) => arrives(scene.sealed, () => overIpv6(scene, SECRET_VNI)),
    seen: ({ lab }) => counted(lab, 'h2', 'in_clear'),
  },
];

/** In a container of h1 that is in no network of xnet's, as anybody may start one. */
const fromContainer = (scene: Scene, vni: number, to: string) =>
  reachesVictim(scene, () => scene.lab.docker('h1', 'exec', 'plain', 'sh', '-c', socatScript({ vni, to })));

const CONTAINER: readonly Attempt<Scene>[] = [
  {
    what: 'a frame into a network that its host has nothing of: Docker gives the packet the address of a VTEP',
    make: (scene) => fromContainer(scene, VNI, scene.h2),
    seen: ({ lab }) => counted(lab, 'h1'),
  },
  {
    what: 'the same with the VNI of the paths',
    make: (scene) => fromContainer(scene, PATH_VNI, scene.h2),
    seen: ({ lab }) => counted(lab, 'h1'),
  },
  {
    what: 'the same to its own host',
    make: (scene) => fromContainer(scene, VNI, scene.h1),
    seen: ({ lab }) => counted(lab, 'h1'),
  },
  ...['/run/xnet/admin.sock', '/run/docker/plugins/xnet.sock'].map((socket) => ({
    what: `a call to ${socket}, which is mounted into a container whose user is not root`,
    make: async ({ lab }: Scene) => {
      const mounted = ['run', '--rm', '-u', '65534', '-v', `${socket}:/x.sock`, 'tools'];
      const call = ['curl', '-sf', '--max-time', '5', '--unix-socket', '/x.sock', 'http://x/v1/version'];
      return succeeds(lab.docker('h1', ...mounted, ...call));
    },
    unseen: 'the kernel refuses the connection',
  })),
  {
    what: 'a look into the networks of others by their names',
    make: async ({ lab, victim }) => {
      const answer = await lab.docker('h2', 'exec', 'other', 'dig', '+short', '+tries=1', victim.name);
      return /\d/.test(answer);
    },
    unseen: 'a name that is nobody’s there is asked of Docker as any other',
  },
  {
    what: 'all names of a network at once (AXFR)',
    make: async ({ lab }) => {
      const answer = await lab
        .docker('h2', 'exec', 'other', 'dig', '+tcp', '+time=2', '+tries=1', 'AXFR', 'apart')
        .catch(String);
      return /\sIN\s+A\s/.test(answer);
    },
    unseen: 'the same',
  },
];

const asNobody = (lab: Lab, ...command: string[]) =>
  succeeds(lab.in('h1', 'setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', ...command));

const USER: readonly Attempt<Scene>[] = [
  ...['/run/xnet/admin.sock', '/run/docker/plugins/xnet.sock'].map((socket) => ({
    what: `a call to ${socket}`,
    make: ({ lab }: Scene) => asNobody(lab, 'curl', '-sf', '--unix-socket', socket, 'http://x/v1/version'),
    unseen: 'the kernel refuses the connection',
  })),
  {
    what: 'a look into a file in which xnet keeps what it knows',
    make: ({ lab }) =>
      asNobody(lab, 'sh', '-c', 'for file in /var/lib/xnet/*; do cat $file && exit; done; exit 1'),
    unseen: 'the kernel refuses it',
  },
  {
    what: 'a link in the state directory, in the place of a file of xnet’s',
    make: ({ lab }) => asNobody(lab, 'ln', '-s', '/etc/shadow', '/var/lib/xnet/events.jsonl.1'),
    unseen: 'the kernel refuses it',
  },
  {
    what: 'a name in the place of a network’s namespace',
    make: ({ lab }) => asNobody(lab, 'touch', '/run/netns/xnet-0123456789ab'),
    unseen: 'the kernel refuses it',
  },
];

/** Of a container that may change its interface and make frames of its own. */
const MIGHTY = ['--cap-add', 'NET_ADMIN', '--cap-add', 'NET_RAW', '--restart', 'always'];
const SUBNETS = ['--ipv6', '--subnet', '10.50.0.0/24', '--subnet', 'fd50::/64'];
/** It is killed, cut off, and rebooted. */
const SLOW = { timeoutMs: 240_000 };
const GATEWAY = { v4: '10.50.0.1', v6: 'fd50::1' };
const LAST = 'the last, from its own address';

/** Which forgeries reach the other container, and whether what is no forgery does; and how many there are. */
async function forge(
  from: Container,
  to: Container,
): Promise<{ readonly arrived: string[]; readonly sent: number }> {
  const macOf = (container: Container) => container.exec('cat', '/sys/class/net/eth0/address');
  const macs = { from: await macOf(from), to: await macOf(to) };
  const v4 = { ...macs, source: await from.address(), destination: await to.address() };
  const v6 = { ...macs, source: await from.address6(), destination: await to.address6() };
  const forged = forgeries({ v4, v6, linkLocal: linkLocalOf(macs.from), gateway: GATEWAY });
  const arrived = await arrivalsOf({ ...forged, [LAST]: udp(v4, DOMAIN + 1) }, from, to);
  return { arrived, sent: Object.keys(forged).length };
}

/** Packets of the container that were dropped, as `xnet endpoints` on its host has them. */
async function forgedBy({ lab, host, name, network }: Container): Promise<number | undefined> {
  const words = ['xnet', 'endpoints', '--network', network, '-o', 'json'];
  const { items } = endpointsAnswer.parse(JSON.parse(await lab.in(host, ...words)));
  return items.find(({ container }) => container?.name === name)?.forged;
}

/** The namespace of the only network that a host has. */
async function namespaceOn(lab: Lab, host: string): Promise<string> {
  return lab.in(host, 'sh', '-c', 'ls /run/netns | grep -x "xnet-[0-9a-f]\\{12\\}"');
}

/** A look at the network: something of it is altered, which is repaired. */
async function haveLooked(lab: Lab, host: string): Promise<void> {
  const script = 'port=$(ls /sys/class/net | grep -m1 ^xc); ip link set dev $port mtu 1400';
  await lab.in(host, 'ip', 'netns', 'exec', await namespaceOn(lab, host), 'sh', '-c', script);
}

describeInLab('attacks', { hosts: 3 }, (test) => {
  const scene = async (lab: Lab): Promise<Scene> => {
    await createSharedNetwork(lab, 'shop', ['-o', `xnet.vni=${VNI}`], ['h2', 'h3']);
    await createSharedNetwork(
      lab,
      'secret',
      ['-o', `xnet.vni=${SECRET_VNI}`, '-o', 'xnet.encrypt=on'],
      ['h2'],
    );
    await createSharedNetwork(lab, 'apart', [], ['h2']);
    const victim = await runContainer(lab, 'h2', 'shop', { name: 'victim' });
    const sealed = await runContainer(lab, 'h2', 'secret', { name: 'sealed' });
    await runContainer(lab, 'h2', 'apart', { name: 'other' });
    await lab.docker('h1', 'run', '-d', '--name', 'plain', '--stop-signal', 'KILL', 'tools', 'sleep', '1d');
    const [h1, h2, h3] = await Promise.all(lab.hosts.map((host) => lab.ip(host)));
    return { lab, victim, sealed, h1: `${h1}`, h2: `${h2}`, h3: `${h3}` };
  };

  test('of a stranger on the underlay, a container, and another user of the host fail', async (lab) => {
    const made = await scene(lab);
    // What is tried would arrive, if it were right: from the address of a host of the cluster it does, where nothing is encrypted.
    expect(await reachesVictim(made, () => asHost3(made, VNI))).toBe(true);
    await expectToFail(made, [...STRANGER, ...CONTAINER, ...USER]);
  });

  test(
    'of a container in the name of others fail, whatever becomes of xnet',
    async (lab) => {
      await createMirroredNetwork(lab, 'held', SUBNETS);
      const mallory = await runContainer(lab, 'h1', 'held', { name: 'mallory', options: MIGHTY });
      const near = await runContainer(lab, 'h1', 'held', { name: 'near', options: ['--restart', 'always'] });
      const far = await runContainer(lab, 'h2', 'held', { name: 'far' });
      /** Resolves to how many were sent. */
      const isHeld = async () => {
        let all = 0;
        for (const to of [near, far]) {
          const { arrived, sent } = await forge(mallory, to);
          expect(arrived).toEqual([LAST]);
          all += sent;
        }
        return all;
      };
      const flush = async () =>
        lab.in('h1', 'ip', 'netns', 'exec', await namespaceOn(lab, 'h1'), 'nft', 'flush', 'ruleset');
      const sources = async () =>
        /^\w+ +sources .*$/m.exec(await lab.in('h1', 'sh', '-c', 'xnet doctor || true'))?.[0];
      const sent = await isHeld();
      const listed = /^CONTAINER.* FORGED$[\s\S]*^mallory .* (\d+)$/m;
      const shown = Number(listed.exec(await lab.in('h1', 'xnet', 'endpoints'))?.[1]);
      // What was made with NET_RAW may have led the kernel to send something of its own.
      expect(shown).toBeGreaterThanOrEqual(sent);
      expect(await forgedBy(mallory)).toBeGreaterThanOrEqual(sent);
      expect([await forgedBy(near), await forgedBy(far)]).toEqual([0, 0]);
      expect(await sources()).toMatch(
        /^ok +sources +2 containers send .*; dropped since their rules were written: \d+ packets of mallory in held$/,
      );

      await haveLooked(lab, 'h1');
      await eventually(async () => {
        await forge(mallory, far);
        await haveLooked(lab, 'h1');
        const status = await lab.in('h1', 'sh', '-c', 'xnet status || true');
        expect(status).toMatch(
          /PROBLEM +network held: container mallory sends packets that are not from its own/,
        );
      });
      await eventually(async () =>
        expect(await lab.in('h1', 'xnet', 'events')).toMatch(/problem.*container mallory sends packets/),
      );

      await lab.xnet('h1', 'kill');
      await isHeld();
      await flush();
      expect(await sources()).toMatch(
        /^failure .*: container (mallory|near) may send from any MAC and address/,
      );
      await lab.etcd('stop');
      await lab.xnet('h1', 'start');
      await eventually(async () => expect(await sources()).toMatch(/^ok /));
      await isHeld();
      await lab.etcd('start');

      await flush();
      await eventually(async () =>
        expect(await lab.in('h1', 'xnet', 'events')).toMatch(/repair +source-filter/),
      );
      await isHeld();

      await lab.run(['reboot', 'h1']);
      for (const to of [near, far]) await eventually(async () => mallory.reaches(await to.address()));
      await isHeld();
    },
    SLOW,
  );

  test('of a container that may be anybody (xnet.spoof=allow) do not', async (lab) => {
    await createMirroredNetwork(lab, 'free', [...SUBNETS, '-o', 'xnet.spoof=allow']);
    const router = await runContainer(lab, 'h1', 'free', { name: 'router', options: MIGHTY });
    const far = await runContainer(lab, 'h2', 'free', { name: 'far' });
    expect((await forge(router, far)).arrived).toEqual(
      expect.arrayContaining([
        'another MAC',
        'another IPv4 address',
        'ARP of another address',
        'a DHCP answer',
      ]),
    );
    expect(await forgedBy(router)).toBeUndefined();
  });
});
