/** Packets at the points that they pass between two containers: each once, in its place, and no others. */
import { describe, expect, test } from '@jest/globals';
import { compileFilter } from '../../../src/cli/capture/compile-filter.js';
import { openCapture } from '../../../src/dataplane/capture/open-capture.js';
import type { CapturedPacket, CaptureWish, PacketFilter } from '../../../src/dataplane/dataplane.js';
import { type Container, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { TunLink } from '../../support/kernel/tun-link.js';
import { eventually } from '../../support/time/eventually.js';

const PATTERN = 'c0ffee42';

/** The filter as the kernel takes it. */
async function filterOf(expression: string): Promise<PacketFilter> {
  const program = await compileFilter(expression);
  return program.split(',').map((line) => {
    const [code = 0, jt = 0, jf = 0, k = 0] = line.split(' ').map(Number);
    return { code, jt, jf, k };
  });
}

class Point implements Disposable {
  readonly packets: CapturedPacket[] = [];
  #capture: Disposable | undefined;

  static async open(
    { host, network }: Container,
    at: CaptureWish['at'],
    wish: Partial<CaptureWish> = {},
  ): Promise<Point> {
    const point = new Point();
    const whole = { network, at, snapBytes: 2000, ...wish };
    point.#capture = await host.dataplane.capture(whole, (packets) => point.packets.push(...packets));
    return point;
  }

  /** How long they are, and which way they went, once the capture has ended. */
  ended(): string[] {
    this[Symbol.dispose]();
    return this.packets.map(({ direction, length }) => `${direction} ${length}`);
  }

  [Symbol.dispose](): void {
    this.#capture?.[Symbol.dispose]();
  }
}

async function twoContainers(underlay: TestUnderlay): Promise<[Container, Container]> {
  const [a, b] = underlay.hosts;
  const first = await underlay.container(a!, underlay.network(a!, 'shop'), ['10.1.0.2/24']);
  const second = await underlay.container(b!, underlay.network(b!, 'shop'), ['10.1.0.3/24']);
  await underlay.connect([first, second]);
  expect(await first.netns.reaches('10.1.0.3')).toBe(true);
  return [first, second];
}

const ping = ({ netns }: Container, bytes: number, to = '10.1.0.3') =>
  netns.exec('ping', '-n', '-c', '1', '-w', '5', '-s', `${bytes}`, '-p', PATTERN, to);

describe.each([4, 6] as const)('over an IPv%d underlay', (family) => {
  test('an echo is seen at each point of its path, in order', async () => {
    await using underlay = await TestUnderlay.create(2, { family });
    const [first, second] = await twoContainers(underlay);
    const filter = await filterOf('icmp');
    const points = [
      await Point.open(first, { endpointId: first.endpoint.id }, { filter }),
      await Point.open(first, 'vxlan', { filter }),
      await Point.open(first, 'underlay', { filter }),
      await Point.open(second, 'underlay', { filter }),
      await Point.open(second, 'vxlan', { filter }),
      await Point.open(second, { endpointId: second.endpoint.id }, { filter }),
    ];
    await ping(first, 56);
    const [frame, whole] = [98, 98 + (family === 4 ? 50 : 70)];
    expect(points.map((point) => point.ended())).toEqual([
      // A port's `in` comes from the container.
      [`in ${frame}`, `out ${frame}`],
      [`out ${frame}`, `in ${frame}`],
      [`out ${whole}`, `in ${whole}`],
      [`in ${whole}`, `out ${whole}`],
      [`in ${frame}`, `out ${frame}`],
      [`out ${frame}`, `in ${frame}`],
    ]);
    const requests = points.map(({ packets }) => packets[0]!);
    for (const { bytes } of requests) expect(bytes.toString('hex')).toContain(PATTERN.repeat(10));
    const times = requests.map(({ atNs }) => atNs);
    expect(times).toEqual([...times].sort());
  });
});

test('a filter means the frame in the tunnel packet, with its length, as it means the frame elsewhere', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [first] = await twoContainers(underlay);
  // With jumps over the instruction that is added for the length, indexed loads, and several protocols.
  const expressions = [
    'icmp and greater 142',
    'icmp and less 141',
    'ip[2:2] > 100 and icmp[icmptype] = icmp-echo',
    'icmp and (src host 10.1.0.3 or greater 1000)',
    'ip and not icmp',
    'udp port 4789',
    'icmp or tcp port 80 or udp port 53 or ip6 host fd00::1 or net 192.168.0.0/16',
  ];
  const pairs = await Promise.all(
    expressions.map(async (expression) => {
      const filter = await filterOf(expression);
      const open = (at: CaptureWish['at']) => Point.open(first, at, { filter });
      return [await open('vxlan'), await open('underlay')] as const;
    }),
  );
  await ping(first, 56);
  await ping(first, 100);
  const seen = pairs.map(([vxlan, underlaid]) => {
    const [frames, tunnelled] = [vxlan.ended(), underlaid.ended()];
    expect(underlaid.packets.map(({ bytes }) => bytes.subarray(50))).toEqual(
      vxlan.packets.map(({ bytes }) => bytes),
    );
    expect(tunnelled).toHaveLength(frames.length);
    return frames.length;
  });
  expect(seen).toEqual([2, 2, 1, 2, 0, 0, 4]);
});

test('the packets of other networks, and of other containers, are not given', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [first, second] = await twoContainers(underlay);
  const other = await underlay.container(first.host, first.network, ['10.1.0.4/24']);
  const foreign = [
    await underlay.container(first.host, underlay.network(first.host, 'other'), ['10.1.0.2/24']),
    await underlay.container(second.host, underlay.network(second.host, 'other'), ['10.1.0.3/24']),
  ] as const;
  await underlay.connect([first, second, other]);
  await underlay.connect(foreign);
  const filter = await filterOf('icmp');
  const { mac } = first.endpoint;
  const points = [
    await Point.open(first, 'vxlan', { filter, mac }),
    await Point.open(first, 'underlay', { filter, mac }),
    await Point.open(second, 'underlay', { filter }),
  ];
  await ping(first, 56);
  await ping(other, 100);
  await ping(foreign[0], 200);
  expect(points.map((point) => point.ended().length)).toEqual([2, 2, 4]);
});

test('of a long frame as much is kept on the underlay as elsewhere', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [first] = await twoContainers(underlay);
  const wish = { filter: await filterOf('icmp'), snapBytes: 60 };
  const [vxlan, underlaid] = [
    await Point.open(first, 'vxlan', wish),
    await Point.open(first, 'underlay', wish),
  ];
  await ping(first, 500);
  for (const point of [vxlan, underlaid]) point.ended();
  expect(vxlan.packets.map(({ bytes }) => bytes.length)).toEqual([60, 60]);
  expect(underlaid.packets.map(({ bytes }) => bytes.length)).toEqual([110, 110]);
});

test('an underlay without link headers gives tunnel packets that look like any others', async () => {
  await using link = await TunLink.create();
  const { near } = link;
  const packets: CapturedPacket[] = [];
  const underlay = { vtep: '10.78.0.1', interface: 'tun0', mtu: 1500 };
  const wish = { network: { id: '0123456789ab', vni: 4097 }, at: 'underlay', snapBytes: 2000 } as const;
  const host = { hostNamespace: near.name, underlay, vxlanPort: 4789 };
  const filter = await filterOf('ether proto 0x88b5');
  using capture = await openCapture(host, { ...wish, filter }, (more) => packets.push(...more));
  const frame = '02420a40000302420a40000288b5c0ffee';
  for (const [vni, inner] of [
    ['001001', frame],
    ['001002', frame],
    ['001001', frame.replace('88b5', '88b6')],
  ] as const) {
    const bytes = `08000000${vni}00${inner}`.replaceAll(/../g, '\\x$&');
    await near.exec('bash', '-c', `printf '${bytes}' | socat -u - UDP:10.78.0.2:4789`);
  }
  await eventually(() => expect(packets.length).toBeGreaterThan(0));
  capture[Symbol.dispose]();
  expect(packets.map(({ bytes }) => bytes.subarray(50).toString('hex'))).toEqual([frame]);
  expect(packets[0]?.bytes.subarray(0, 15).toString('hex')).toBe(`${'0'.repeat(24)}080045`);
  expect(packets[0]?.length).toBe(packets[0]?.bytes.length);
}, 30_000);
