/** What a host captures: its points, its limits, and how it answers another host. The kernel's part is in integration/dataplane/capture. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { captureHandler } from '../../../src/agent/capture/capture-handler.js';
import {
  type CapturePart,
  type CaptureQuestion,
  captureWanted,
} from '../../../src/agent/capture/capture-question.js';
import { HostCaptures } from '../../../src/agent/capture/host-captures.js';
import type { Capture, CapturedPacket, CaptureWish } from '../../../src/dataplane/dataplane.js';
import { XnetError } from '../../../src/errors.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';

const NETWORK = { id: '0123456789ab', name: 'shop', vni: 4097 };
const QUESTION: CaptureQuestion = {
  networks: [NETWORK],
  count: 10,
  seconds: 60,
  snapBytes: 128,
  sharedBy: 1,
};
const MAC = '02:42:0a:40:00:02';

function nameOf(at: CaptureWish['at']): string {
  if (typeof at !== 'object') return at;
  if ('endpointId' in at) return at.endpointId;
  return 'address' in at ? `${at.sandboxPath} ${at.address}` : at.interface;
}

type Take = (packets: readonly CapturedPacket[]) => void;

/** Points that a test lets see packets. */
class Points {
  readonly open = new Map<string, { readonly wish: CaptureWish; readonly take: Take }>();
  failure: XnetError | undefined;

  async capture(wish: CaptureWish, take: Take): Promise<Capture> {
    const name = nameOf(wish.at);
    if (this.failure && name === 'vxlan') throw this.failure;
    this.open.set(name, { wish, take });
    return { interfaceName: `if-${name}`, dropped: 2, [Symbol.dispose]: () => void this.open.delete(name) };
  }

  see(name: string, count: number, direction: 'in' | 'out' = 'in', length = 60): void {
    const packet = { atNs: 1n, direction, length, bytes: Buffer.alloc(length) };
    this.open.get(name)?.take(Array(count).fill(packet));
  }
}

const entry = (id: string, mac: string) => {
  const names = { container: `name-${id}`, containerId: id, network: 'shop', names: [], ports: [] };
  const place = { networkId: NETWORK.id, dockerNetworkId: 'd', hostId: 'own' };
  const value = formatRecord({ version: 1, id, ...place, addresses: ['10.64.0.2'], mac, names });
  const key = `${keys.hostEndpointsOf('own', NETWORK.id)}${id}`;
  return { key, value, revision: 1, createRevision: 1 };
};

const ENTRIES = [entry('web', MAC), entry('db', '02:42:0a:40:00:03')];
const store = {
  list: async (prefix: string) => ({
    ...{ revision: 1, entries: ENTRIES.filter(({ key }) => key.startsWith(prefix)) },
  }),
};

let points: Points;
let captures: HostCaptures;

beforeEach(() => {
  points = new Points();
  captures = new HostCaptures({ dataplane: points, store, hostId: 'own', lanOf: () => undefined });
});

function run(question: Partial<CaptureQuestion> = {}, signal = new AbortController().signal) {
  return captures.run(captureWanted.parse({ ...QUESTION, ...question }), 0, signal);
}

async function rest(parts: AsyncIterable<unknown>): Promise<CapturePart[]> {
  const found: CapturePart[] = [];
  for await (const part of parts) found.push(part as CapturePart);
  return found;
}

describe('what a host captures', () => {
  test('is at each container, at vxlan0 and on the underlay, until there is enough', async () => {
    const parts = run({ count: 3 });
    expect((await parts.next()).value).toEqual({
      points: [
        { network: 'shop', place: 'name-web', interfaceName: 'if-web' },
        { network: 'shop', place: 'name-db', interfaceName: 'if-db' },
        { network: 'shop', place: 'vxlan0', interfaceName: 'if-vxlan' },
        { network: 'shop', place: 'underlay', interfaceName: 'if-underlay' },
      ],
      notes: [],
    });
    points.see('web', 1, 'in');
    points.see('vxlan', 2, 'out');
    const [first, last] = await rest(parts);
    // What the host gets at a port is what the container sends.
    expect(first?.packets?.map(([point, , direction]) => [point, direction])).toEqual([
      [0, 'out'],
      [2, 'out'],
      [2, 'out'],
    ]);
    expect(last).toEqual({ dropped: [0, 1, 2, 3].map((point) => [point, 2]) });
    expect(points.open.size).toBe(0);
  });

  test('says at once what was lost, and once: a capture that a person ends has no last part', async () => {
    const reader = new AbortController();
    const parts = run({}, reader.signal);
    await parts.next();
    points.see('web', 1);
    const { value } = await parts.next();
    expect((value as CapturePart).dropped).toEqual([0, 1, 2, 3].map((point) => [point, 2]));
    reader.abort();
    expect(await rest(parts)).toEqual([{ dropped: [] }]);
  });

  test('of a container that is meant all, and of others what they have to do with it', async () => {
    const parts = run({ networks: [{ ...NETWORK, mac: MAC }] });
    await parts.next();
    const macs = [...points.open.values()].map(({ wish }) => wish.mac);
    expect(macs).toEqual([undefined, MAC, MAC, MAC]);
    await parts.return(undefined);
    expect(points.open.size).toBe(0);
  });

  test('on a LAN it is at each container that is known, and at the interface only its frames', async () => {
    const sandboxPathOf = (id: string) => (id === 'web' ? '/run/docker/netns/web' : undefined);
    const lanOf = () => ({ parent: 'eth1', sharesMac: false, sandboxPathOf });
    const ofLan = new HostCaptures({ dataplane: points, store, hostId: 'own', lanOf });
    const wanted = captureWanted.parse({ ...QUESTION, networks: [{ ...NETWORK, mac: MAC }] });
    const parts = ofLan.run(wanted, 0, new AbortController().signal);
    const { value } = await parts.next();
    expect([...points.open].map(([name, { wish }]) => [name, wish.mac])).toEqual([
      ['/run/docker/netns/web 10.64.0.2', undefined],
      ['eth1', MAC],
    ]);
    expect((value as CapturePart).notes).toEqual([
      'name-db in shop is not captured: its network namespace is not known (yet)',
    ]);
    await parts.return(undefined);
  });

  test('lacks a point that is not there, and says so', async () => {
    points.failure = new XnetError('NOT_FOUND', 'there is no interface vxlan0');
    const parts = run();
    const { value } = await parts.next();
    expect((value as CapturePart).notes).toEqual([
      'vxlan0 in shop is not captured: there is no interface vxlan0',
    ]);
    await parts.return(undefined);
  });

  test('of a network with very many containers is vxlan0 and the underlay, too, and as many of the ports as may be', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => entry(`c${i}`, MAC));
    const ofMany = new HostCaptures({
      ...{ dataplane: points, hostId: 'own', lanOf: () => undefined },
      store: { list: async () => ({ revision: 1, entries: many }) },
    });
    const parts = ofMany.run(captureWanted.parse(QUESTION), 0, new AbortController().signal);
    const { value } = await parts.next();
    const { points: opened = [], notes } = value as CapturePart;
    expect(opened).toHaveLength(64);
    expect(opened.slice(-2).map(({ place }) => place)).toEqual(['vxlan0', 'underlay']);
    expect(notes).toEqual(['938 of its 1002 points are not captured; name a container']);
    // What may wait in the kernel is shared by those that are open.
    expect(points.open.get('underlay')?.wish.bufferBytes).toBe(256 << 10);
    await parts.return(undefined);
  });

  test('is nothing where xnet may not capture', async () => {
    points.failure = new XnetError('UNSUPPORTED', 'give it CAP_NET_RAW');
    await expect(run().next()).rejects.toThrow('give it CAP_NET_RAW');
    expect(points.open.size).toBe(0);
  });

  test('ends with its time, and with its reader, with what has come', async () => {
    expect(await rest(run({ seconds: 0.01 }))).toHaveLength(2);
    const reader = new AbortController();
    const parts = run({}, reader.signal);
    await parts.next();
    points.see('web', 1);
    reader.abort();
    expect((await rest(parts))[0]?.packets).toHaveLength(1);
  });

  test('is refused while too many captures run', async () => {
    const running = Array.from({ length: 4 }, () => run());
    for (const parts of running) await parts.next();
    await expect(run().next()).rejects.toThrow(/4 captures run on this host; wait/);
    await running[0]?.return(undefined);
    const again = run();
    await again.next();
    for (const parts of [...running, again]) await parts.return(undefined);
  });
});

describe('another host', () => {
  const ask = (parameters: unknown) => captureHandler(captures)(parameters, new AbortController().signal);

  test.each([
    { ...QUESTION, count: 1_000_000 },
    { ...QUESTION, seconds: 86_400 },
    { ...QUESTION, snapBytes: 0 },
    { ...QUESTION, networks: [{ ...NETWORK, id: '../../x' }] },
    { ...QUESTION, filter: Array(501).fill([6, 0, 0, 1]) },
    { ...QUESTION, filter: [[6, 256, 0, 1]] },
    'shop',
  ])('gets nothing for what is out of bounds: %#', async (question) => {
    await expect(rest(ask(question))).rejects.toThrow(/does not understand the question/);
  });

  test('gets no more than its share of what goes through the store', async () => {
    const parts = ask({ ...QUESTION, count: 1000, sharedBy: 1000 })[Symbol.asyncIterator]();
    await parts.next();
    points.see('web', 500, 'in', 100);
    await parts.next();
    expect((await parts.next()).value).toEqual({ notes: [expect.stringMatching(/^has ended early: 17 kB/)] });
    expect((await parts.next()).done).toBe(true);
    expect(points.open.size).toBe(0);
  });
});
