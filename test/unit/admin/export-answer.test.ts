import { expect, test } from '@jest/globals';
import { exportAnswer } from '../../../src/admin/answers.js';
import { answerExport } from '../../../src/admin/export-answer.js';
import { bindingRecord } from '../../../src/model/binding.js';
import { hostRecord } from '../../../src/model/host.js';
import { keys } from '../../../src/model/keys.js';
import { networkRecord } from '../../../src/model/network.js';
import { MemoryStore } from '../../support/store/memory-store.js';

const MIRROR = {
  ...{ internal: false, attachable: true, ipv6: false, labels: { team: 'a' } },
  ipam: { driver: 'xnet', options: { 'xnet.id': '0123456789ab' }, subnets: [{ subnet: '10.9.0.0/24' }] },
};

function network(id: string, more: object) {
  const fixed = { version: 1, id, vni: 7, multicast: true, internal: false, pools: [] };
  return { put: keys.network(id), value: JSON.stringify(networkRecord.parse({ ...fixed, ...more })) };
}

const mirrored = (id: string, name: string, more: object = {}) =>
  network(id, {
    name,
    mirror: { name, ...MIRROR, options: { 'xnet.id': id, 'xnet.multicast': 'off' }, ...more },
  });

test('the networks are those that all hosts have, by name, without the id that a new one would not have', async () => {
  await using store = new MemoryStore();
  const binding = { version: 1, networkId: 'c', hostId: 'host1', dockerNetworkId: 'd' };
  const host = { version: 1, id: 'host1', name: 'h1', vtep: '192.0.2.1', vxlanPort: 4789, xnetVersion: '1' };
  await store.commit(
    [],
    [
      ...[mirrored('b', 'web'), mirrored('a', 'db'), network('c', { name: 'alone' })],
      mirrored('e', 'leaving', { removal: { hostId: 'host1' } }),
      network('f', { name: 'task', swarm: { dockerNetworkId: 'd' } }),
      { put: keys.host('host1'), value: JSON.stringify(hostRecord.parse(host)) },
      { put: keys.binding('c', 'host1', 'd'), value: JSON.stringify(bindingRecord.parse(binding)) },
    ],
  );
  const answer = exportAnswer.parse(await answerExport(store));
  expect(answer.networks.map(({ name, options, ipam }) => [name, options, ipam.options])).toEqual([
    ['db', { 'xnet.multicast': 'off' }, {}],
    ['web', { 'xnet.multicast': 'off' }, {}],
  ]);
  expect(answer.networks[0]).toMatchObject({ attachable: true, ipv4: true, labels: { team: 'a' } });
  expect(answer.leftOut).toEqual([
    { network: 'alone', reason: 'it is only on h1: docker network inspect there' },
    { network: 'task', reason: 'swarm has it: docker network inspect on a manager' },
  ]);
});
