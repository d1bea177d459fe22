import { expect, test } from '@jest/globals';
import { gatewayBridge } from '../../../src/agent/mirror/mirror-copy.js';
import { DockerodeEngine } from '../../../src/docker/dockerode-engine.js';
import { DockerStandIn, json } from '../../support/fake-docker/docker-stand-in.js';

const [OTHER, OURS] = ['a'.repeat(64), 'b'.repeat(64)];
const REMOVAL = `DELETE /networks/${OURS}`;
const network = (Id: string) => ({ Id, Name: 'shop', Driver: 'bridge', IPAM: {}, Options: {}, Labels: {} });

/** Docker makes OURS, and then has networks of that name with these ids. */
function makingOurs(...ids: string[]): Promise<DockerStandIn> {
  return DockerStandIn.start({
    'POST /networks/create': json({ Id: OURS }),
    'GET /networks': json(ids.map(network)),
    [REMOVAL]: (response) => response.writeHead(204).end(),
  });
}

function createShop(docker: DockerStandIn): Promise<string> {
  return new DockerodeEngine(docker.path).createNetwork({ ...gatewayBridge(), name: 'shop' });
}

test('of two networks of one name that Docker made at once, ours goes', async () => {
  await using docker = await makingOurs(OTHER, OURS);
  await expect(createShop(docker)).rejects.toMatchObject({ code: 'EXISTS' });
  expect(docker.count(REMOVAL)).toBe(1);
});

test('another network that has the name because ours was removed already is left alone', async () => {
  await using docker = await makingOurs(OTHER);
  expect(await createShop(docker)).toBe(OURS);
  expect(docker.count(REMOVAL)).toBe(0);
});
