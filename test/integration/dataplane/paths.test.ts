/** Devices and echoes by which paths are measured, in both families of the underlay. */
import { closeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { LinuxPaths } from '../../../src/dataplane/paths/linux-paths.js';
import type { EchoArrival, Echoes } from '../../../src/dataplane/paths.js';
import { openEchoSocket, receiveEcho, sendEcho } from '../../../src/native/packets/echo-socket.js';
import { Netns } from '../../support/kernel/netns.js';
import { TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { run } from '../../support/programs/command.js';
import { willMakeNamespace } from '../../support/runs/made.js';
import { eventually } from '../../support/time/eventually.js';

const OVERHEAD = { 4: 50, 6: 70 } as const;

test('every id and sequence number has a right checksum', async () => {
  await using netns = await Netns.create('echo');
  const fd = openEchoSocket(`/run/netns/${netns.name}`, '127.0.0.1');
  try {
    // Their sum carries, and carries again.
    expect(sendEcho(fd, '127.0.0.1', { id: 0xf900, sequence: 0xfeff, bytes: 64 })).toBe(true);
    await eventually(() => expect(receiveEcho(fd, '127.0.0.1')).toMatchObject({ sequence: 0xfeff }));
  } finally {
    closeSync(fd);
  }
});

describe.each([4, 6] as const)('over IPv%i', (family) => {
  test('echoes of all sizes pass, none larger than the underlay takes, and nothing is left behind', async () => {
    await using underlay = await TestUnderlay.create(2, { family });
    const mtu = 1500 - OVERHEAD[family];
    const [one, two] = underlay.hosts.map(({ netns, vtep }) => {
      const namespace = `${netns.name}-paths`;
      willMakeNamespace(namespace);
      return {
        vtep,
        namespace,
        paths: new LinuxPaths({ vxlanPort: 4789, hostNamespace: netns.name, namespace }),
      };
    });
    if (!one || !two) throw new Error('no hosts');
    const arrivals: EchoArrival[] = [];
    const take = (arrival: EchoArrival) => void arrivals.push(arrival);
    const answered = (echoes: Echoes, sequence: number, bytes: number) => {
      expect(echoes.send(two.vtep, sequence, bytes)).toBe(true);
      const answer = { isAnswer: true, from: two.vtep, sequence };
      return eventually(() => expect(arrivals).toContainEqual(expect.objectContaining(answer)));
    };
    /** The other kernel must not answer with fragments, once it has learned what the way back takes. */
    const wayBackIsNarrow = async () => {
      await underlay.hosts[1]?.netns.ip(`route add ${one.vtep}/32 dev eth0 mtu 1400`);
      for (const sequence of [102, 103, 104]) {
        expect(tunnel.send(two.vtep, sequence, mtu)).toBe(true);
        await answered(tunnel, sequence + 100, 64);
      }
      expect(arrivals.filter(({ sequence }) => [102, 103, 104].includes(sequence))).toEqual([]);
      await underlay.hosts[1]?.netns.ip(`route del ${one.vtep}/32 dev eth0 mtu 1400`);
      await answered(tunnel, 105, mtu);
    };
    // As a program leaves it that was killed between the two steps of "ip netns add".
    await writeFile(`/run/netns/${one.namespace}`, '');
    expect(await one.paths.ensure({ vtep: one.vtep, mtu: mtu + 1, peers: [two.vtep] })).toBe(true);
    expect(await two.paths.ensure({ vtep: two.vtep, mtu, peers: [one.vtep] })).toBe(true);
    expect(await one.paths.ensure({ vtep: one.vtep, mtu: mtu + 1, peers: [two.vtep] })).toBe(false);
    const tunnel = one.paths.openTunnel(one.vtep, take);
    for (const [sequence, bytes] of [64, 84, 1000, mtu].entries()) await answered(tunnel, sequence, bytes);
    expect(tunnel.send(two.vtep, 100, mtu + 2)).toBe(false);
    // As large as the device takes, and too large for the underlay.
    tunnel.send(two.vtep, 101, mtu + 1);
    await answered(one.paths.openUnderlay(one.vtep, take), 200, 1500);
    expect(arrivals.filter(({ sequence }) => sequence === 101)).toEqual([]);

    if (family === 4) await wayBackIsNarrow();

    const requests: EchoArrival[] = [];
    const other = two.paths.openTunnel(two.vtep, (arrival) => void requests.push(arrival));
    await answered(tunnel, 300, 64);
    expect(requests).toEqual([]);
    other.takeRequests(true);
    await answered(tunnel, 301, 64);
    await eventually(() =>
      expect(requests).toEqual([expect.objectContaining({ isAnswer: false, from: one.vtep, sequence: 301 })]),
    );

    await one.paths.ensure({ vtep: one.vtep, mtu: 576, peers: [two.vtep] });
    await answered(tunnel, 400, 576);
    await one.paths.ensure({ vtep: one.vtep, mtu, peers: [] });
    expect(await run(['bridge', '-n', one.namespace, 'fdb', 'show', 'dev', 'vxlan0'])).not.toContain(
      two.vtep,
    );
    for (const { paths } of [one, two]) {
      await paths.remove();
      await paths.remove();
      await paths[Symbol.asyncDispose]();
    }
    const left = await run(['ip', 'netns', 'list']);
    expect([one, two].filter(({ namespace }) => left.includes(namespace))).toEqual([]);
  });
});
