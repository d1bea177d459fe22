import { describe, expect, test } from '@jest/globals';
import { LocalNetworks } from '../../../src/driver/local-networks.js';

describe('a Docker network that is bound to another network of the cluster', () => {
  test('is not while a container is being started in it', async () => {
    const local = new LocalNetworks();
    const gate = gateOf();
    const making = local.makeEndpoint('e1', 'd1', () => gate.promise);
    const move = local.moveNetwork('d1', async () => 'moved');
    await expect(move).rejects.toMatchObject({ code: 'IN_USE' });
    await expect(local.moveNetwork('d2', async () => 'moved')).resolves.toBe('moved');
    gate.resolve();
    await making;
    await expect(local.moveNetwork('d1', async () => 'moved')).resolves.toBe('moved');
  });

  test('gets no endpoint before it is, also when that fails', async () => {
    for (const outcome of ['resolve', 'reject'] as const) {
      const local = new LocalNetworks();
      const gate = gateOf();
      const move = local.moveNetwork('d1', () => gate.promise).catch(() => undefined);
      let made = false;
      const making = local.makeEndpoint('e1', 'd1', async () => {
        made = true;
      });
      await local.makeEndpoint('e2', 'd2', async () => undefined);
      expect(made).toBe(false);
      gate[outcome]();
      await Promise.all([move, making]);
      expect(made).toBe(true);
    }
  });
});

function gateOf() {
  let resolve: () => void = () => undefined;
  let reject: (reason?: unknown) => void = () => undefined;
  const promise = new Promise<void>((onOpen, onFailure) => {
    [resolve, reject] = [onOpen, onFailure];
  });
  return { promise, resolve, reject };
}
