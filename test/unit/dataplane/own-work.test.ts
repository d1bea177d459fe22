import { describe, expect, test } from '@jest/globals';
import { OwnWork } from '../../../src/dataplane/iproute2/own-work.js';
import { eventually } from '../../support/time/eventually.js';

const NAMESPACE = 'xnet-0123456789ab';
const LINES = [
  'link set xc1 group 3',
  'link del group 3',
  'fdb replace 02:00:00:00:00:01 dev vxlan0 dst 198.18.1.2 self master static',
  'neigh del 10.1.0.2 dev br0',
];

/** What of the kernel's words is taken for own while the lines are carried out, and just after. */
async function ownOf(events: readonly string[], lines?: readonly string[]): Promise<string[]> {
  const work = new OwnWork();
  const own = () => events.filter((event) => work.isOwn(NAMESPACE, event));
  const during = await work.run(NAMESPACE, async () => own(), lines);
  expect(own()).toEqual(during);
  return during;
}

describe('an event in the midst of own work', () => {
  test('is own when the work names the entry or the device', async () => {
    const events = [
      '198.18.1.2 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE NOARP ',
      'Deleted 10.1.0.2 dev if3 lladdr 02:00:00:00:00:02 PERMANENT ',
      'Deleted 8: xc1@NONE: <BROADCAST> mtu 1450 qdisc noop',
      // Of the port itself, and gone with it.
      'Deleted dev if8 lladdr d6:c2:80:9d:47:3a PERMANENT ',
      'dev xc1 lladdr d6:c2:80:9d:47:3a PERMANENT ',
    ];
    expect(await ownOf(events, LINES)).toEqual(events);
  });

  test("is somebody else's when the work names another entry or device", async () => {
    const events = [
      'Deleted 198.18.1.2 dev eth0 lladdr 02:00:00:00:00:09 REACHABLE NOARP ',
      'Deleted 198.18.1.2 dev eth0 lladdr 00:00:00:00:00:00 NOARP PERMANENT ',
      'Deleted 10.1.0.9 dev eth0 lladdr 02:00:00:00:00:09 PERMANENT ',
      'Deleted 9: xc2@NONE: <BROADCAST> mtu 1450 qdisc noop',
    ];
    expect(await ownOf(events, LINES)).toEqual([]);
    expect(await ownOf(events)).toEqual(events);
  });

  test('reads the lines of its batch once, whatever the number of events', async () => {
    const macs = Array.from({ length: 100 }, (_, n) => `02:00:00:00:00:${n}`);
    let reads = 0;
    const lines = new Proxy(
      macs.map((mac) => `fdb replace ${mac} dev vxlan0 dst 198.18.1.2 self master static`),
      {
        get: (target, key) => {
          if (typeof key === 'string' && /^\d+$/.test(key)) reads += 1;
          return Reflect.get(target, key);
        },
      },
    );
    const events = macs.map((mac) => `198.18.1.2 dev eth0 lladdr ${mac} REACHABLE NOARP `);
    expect(await ownOf(events, lines)).toHaveLength(events.length);
    expect(reads).toBe(lines.length);
  });

  test('is own when the process was stopped between the work and the event that waited', async () => {
    const work = new OwnWork();
    await work.run(NAMESPACE, async () => undefined);
    const stoppedUntil = performance.now() + 200;
    while (performance.now() < stoppedUntil);
    await new Promise((resolve) => setImmediate(resolve));
    expect(work.isOwn(NAMESPACE)).toBe(true);
    await eventually(() => expect(work.isOwn(NAMESPACE)).toBe(false));
  });

  test('of another namespace is not own', async () => {
    const work = new OwnWork();
    expect(await work.run('xnet-1', async () => work.isOwn(NAMESPACE))).toBe(false);
  });
});
