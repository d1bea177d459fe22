/** What the users of another host see of a container that is gone. */
import { expect } from '@jest/globals';
import { type Container, runContainer } from '../containers/containers.js';
import { expectEverywhere } from '../containers/networks.js';
import { eventually } from '../time/eventually.js';

/**
 * Resolves when nothing of the container is left in the network (made with --subnet): `witness`, the only one besides
 * it, finds its name no more (within `timeoutMs`), another container can have its address, and the network goes
 * everywhere when it is removed where `witness` runs. Removes witness and network.
 */
export async function expectForgotten(
  gone: { readonly name: string; readonly address: string },
  witness: Container,
  timeoutMs?: number,
): Promise<void> {
  const { lab, host, network } = witness;
  const isUnknown = async () => (await witness.dig(gone.name)).length === 0;
  await eventually(`${gone.name} is nobody's name`, isUnknown, timeoutMs);
  const heir = await runContainer(lab, host, network, { name: 'heir', options: ['--ip', gone.address] });
  expect(await witness.greetOverTcp(gone.address)).toBe('heir');
  await lab.docker(host, 'rm', '-f', witness.name, heir.name);
  await lab.docker(host, 'network', 'rm', network);
  await expectEverywhere(lab, []);
}
