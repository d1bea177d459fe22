/** Makes in the kernel what tests make there, and does not end. */
import { test } from '@jest/globals';
import { TestUnderlay } from '../../../support/kernel/netns-hosts.js';
import { createSandbox } from '../../dns/sandbox.js';
import { isMade, neverEnd } from './never-end.js';

test('makes and keeps', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [one] = underlay.hosts;
  const network = underlay.network(one!, 'shop');
  await using container = await underlay.container(one!, network, ['10.1.0.2/24']).then(({ netns }) => netns);
  container.start('sleep', '1h');
  await using _sandbox = await createSandbox();
  isMade('kernel');
  await neverEnd();
}, 600_000);
