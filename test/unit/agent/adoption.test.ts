/** What an earlier xnet left in the kernel is no reason not to start. */
import { expect, test } from '@jest/globals';
import { type AdoptionParts, adoptKernelState } from '../../../src/agent/forwarding/adoption.js';
import { XnetError } from '../../../src/errors.js';

function partsWith(listNetworks: AdoptionParts['dataplane']['listNetworks']) {
  const removed: string[] = [];
  const errors: string[] = [];
  const ignored = () => {};
  const parts = {
    dataplane: {
      listNetworks,
      listOuterEnds: async () => ['eeeeeeeeeeee'],
      removeNetwork: async (id: string) => void removed.push(id),
    },
    local: { listNetworks: () => [{ record: { id: 'aaaaaaaaaaaa' } }], listEndpoints: () => [] },
    follower: {},
    specOf: ignored,
    logger: { info: ignored, warn: ignored, error: (text: string) => void errors.push(text) },
  };
  return { parts: parts as unknown as AdoptionParts, removed, errors };
}

test('networks that this host no longer has are removed, unless a container has an interface of theirs', async () => {
  const { parts, removed, errors } = partsWith(async () => [
    { id: 'aaaaaaaaaaaa', endpointNames: [] },
    { id: 'bbbbbbbbbbbb', endpointNames: [] },
    { id: 'cccccccccccc', endpointNames: ['dddddddddddd', 'eeeeeeeeeeee'] },
    { id: 'ffffffffffff', endpointNames: ['eeeeeeeeeeee'] },
  ]);
  await adoptKernelState(parts);
  expect(removed).toEqual(['bbbbbbbbbbbb', 'ffffffffffff']);
  expect(errors).toEqual([expect.stringContaining('left alone')]);
});

test('a kernel that cannot be asked in time keeps no host from its start', async () => {
  const { parts, removed, errors } = partsWith(async () => {
    throw new XnetError('TIMEOUT', 'the list of devices took longer than 30000 ms');
  });
  await adoptKernelState(parts);
  expect(removed).toEqual([]);
  expect(errors).toEqual([expect.stringContaining('cannot look')]);
});
