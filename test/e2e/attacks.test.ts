/**
 * What people try who may not (docs/security-model.md): each attempt fails, and is counted or logged. A table for each attacker; a new
 * one is a row.
 */
import { expect } from '@jest/globals';
import { type Attempt, expectToFail } from '../support/attacks/attempts.js';
import { arrives, sendScript } from '../support/attacks/frames.js';
import {
  type Container,
  createSharedNetwork,
  runContainer,
  succeeds,
} from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';

/** The network `shop` is on h2 and h3; h1 has none of it. */
interface Scene {
  readonly lab: Lab;
  /** In `shop`, on h2. */
  readonly victim: Container;
  readonly h1: string;
  readonly h2: string;
}

const VNI = 4242;
/** Of the paths between hosts, which every host has that has a network. */
const PATH_VNI = 2 ** 24 - 1;

async function counted(lab: Lab, host: string): Promise<string> {
  return lab.in(host, 'sh', '-c', 'nft list counter inet xnet forged 2>/dev/null || echo no table');
}

/** On the underlay, with no xnet. */
const fromStranger = (scene: Scene, vni: number, flags?: string) =>
  arrives(scene.victim, () =>
    scene.lab.in(
      'etcd1',
      'bash',
      '-c',
      sendScript({ vni, to: scene.h2, ...(flags !== undefined && { flags }) }, 'bash'),
    ),
  );

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
];

/** In a container of h1 that is in no network of xnet's, as anybody may start one. */
const fromContainer = (scene: Scene, vni: number, to: string) =>
  arrives(scene.victim, () =>
    scene.lab.docker('h1', 'exec', 'plain', 'sh', '-c', sendScript({ vni, to }, 'socat')),
  );

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

describeInLab('attacks', { hosts: 3 }, (test) => {
  const scene = async (lab: Lab): Promise<Scene> => {
    await createSharedNetwork(lab, 'shop', ['-o', `xnet.vni=${VNI}`], ['h2', 'h3']);
    await createSharedNetwork(lab, 'apart', [], ['h2']);
    const victim = await runContainer(lab, 'h2', 'shop', { name: 'victim' });
    await runContainer(lab, 'h2', 'apart', { name: 'other' });
    await lab.docker('h1', 'run', '-d', '--name', 'plain', '--stop-signal', 'KILL', 'tools', 'sleep', '1d');
    return { lab, victim, h1: await lab.ip('h1'), h2: await lab.ip('h2') };
  };

  test('of a stranger on the underlay, a container, and another user of the host fail', async (lab) => {
    const made = await scene(lab);
    // What is tried would arrive, if it were right: from a host of the cluster it does.
    expect(
      await arrives(made.victim, () =>
        lab.in('h3', 'bash', '-c', sendScript({ vni: VNI, to: made.h2 }, 'bash')),
      ),
    ).toBe(true);
    await expectToFail(made, [...STRANGER, ...CONTAINER, ...USER]);
  });
});
