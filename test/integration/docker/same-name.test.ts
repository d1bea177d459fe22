import { expect, test } from '@jest/globals';
import { GATEWAY_BRIDGE_SPEC } from '../../../src/agent/mirror-plan.js';
import { DockerodeEngine } from '../../../src/docker/dockerode-engine.js';
import { DockerStandIn, json } from '../../support/docker-stand-in.js';

const [OTHER, OURS] = ['a'.repeat(64), 'b'.repeat(64)];
const network = (Id: string) => ({ Id, Name: 'shop', Driver: 'bridge', IPAM: {}, Options: {}, Labels: {} });

test('of two networks of one name that Docker made at once, ours goes', async () => {
  await using docker = await DockerStandIn.start({
    'POST /networks/create': json({ Id: OURS }),
    'GET /networks': json([network(OTHER), network(OURS)]),
    [`DELETE /networks/${OURS}`]: (response) => response.writeHead(204).end(),
  });
  const engine = new DockerodeEngine(docker.path);
  const creation = engine.createNetwork({ ...GATEWAY_BRIDGE_SPEC, name: 'shop' });
  await expect(creation).rejects.toMatchObject({ code: 'EXISTS' });
  expect(docker.count(`DELETE /networks/${OURS}`)).toBe(1);
});
