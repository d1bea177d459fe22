import { describe, expect, test } from '@jest/globals';
import type { HostOf } from '../../../src/admin/answers.js';
import { chooseHosts } from '../../../src/host/answers/capture/capture-hosts.js';
import { CaptureItems } from '../../../src/host/answers/capture/capture-items.js';

const host = (id: string, state: HostOf['state'] = 'alive'): HostOf => ({ id, name: `name-${id}`, state });
const OWN = host('own');

describe('which hosts capture', () => {
  test('all that have containers there and are alive; the others are named', () => {
    const chosen = chooseHosts([OWN, host('a'), host('b', 'silent')], undefined, 'own', '');
    expect(chosen).toEqual({
      isHere: true,
      others: [{ id: 'a', name: 'name-a' }],
      refusals: [{ host: 'name-b', refusal: 'not asked: it gives no sign of life' }],
    });
  });

  test('only those that are wanted, of which one without a container is named', () => {
    const chosen = chooseHosts([OWN, host('a')], [host('a'), host('c')], 'own', '');
    expect(chosen).toEqual({
      isHere: false,
      others: [{ id: 'a', name: 'name-a' }],
      refusals: [{ host: 'name-c', refusal: 'not asked: it has no container there' }],
    });
  });

  test('while the store is away this host alone, whatever is known of it', () => {
    const known = [host('own', 'unknown'), host('a', 'unknown')];
    expect(chooseHosts(known, undefined, 'own', 'etcd does not answer')).toEqual({
      isHere: true,
      others: [],
      refusals: [{ host: 'name-a', refusal: 'not asked: etcd does not answer' }],
    });
  });
});

test('a host that is asked again numbers its points anew, and they stay the same points', () => {
  const items = new CaptureItems('own');
  const point = (place: string) => ({ network: 'shop', place, interfaceName: place });
  const [own, other] = [
    { id: 'own', name: 'h1' },
    { id: 'a', name: 'h2' },
  ];
  expect(items.of(own, { points: [point('vxlan0')] })).toEqual([
    { kind: 'point', point: 0, host: 'h1', here: true, ...point('vxlan0') },
  ]);
  items.of(other, { points: [point('web'), point('vxlan0')] });
  expect(items.of(other, { points: [point('vxlan0'), point('db')] })).toEqual([
    { kind: 'point', point: 3, host: 'h2', here: false, ...point('db') },
  ]);
  const packet = (number: number): [number, string, 'in', number, string] => [number, '7', 'in', 60, 'AAAA'];
  const parts = {
    packets: [packet(0), packet(1), packet(9)],
    dropped: [[0, 5]] as [number, number][],
    notes: ['no'],
  };
  expect(items.of(other, parts)).toEqual([
    { kind: 'packet', point: 2, at: '7', direction: 'in', length: 60, bytes: 'AAAA' },
    { kind: 'packet', point: 3, at: '7', direction: 'in', length: 60, bytes: 'AAAA' },
    { kind: 'lost', point: 2, count: 5 },
    { kind: 'refusal', host: 'h2', refusal: 'no' },
  ]);
});
