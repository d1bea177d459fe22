/** The underlay of the hosts: the bridge `wire` in this process's namespace, on which etcd is, too. */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../test/support/programs/command.js';
import type { PlannedHost } from './cluster/records.js';

/** Given, since a bridge otherwise takes the lowest of its ports'. */
const WIRE_MAC = '02:00:00:00:00:fe';

/**
 * Each host is on a subnet of its own behind the bridge, and what is sent to hosts that are records ends here. On one subnet a
 * broadcast to a thousand hosts may fill the kernel's table of neighbours (1,024, of the whole machine) for seconds.
 */
export async function makeWire(address: string, others: readonly PlannedHost[]): Promise<void> {
  const lines = [
    'link set lo up',
    `link add wire address ${WIRE_MAC} type bridge mcast_snooping 0`,
    `addr add ${address}/15 dev wire`,
    'link set wire up',
    'link add others type bridge',
    'link set others up',
    ...others.map(({ vtep }) => `route add ${vtep}/32 dev others`),
  ];
  const file = join(tmpdir(), 'wire');
  await writeFile(file, `${lines.join('\n')}\n`);
  await run(['ip', '-batch', file]);
  await writeFile('/proc/sys/net/ipv4/conf/wire/forwarding', '1');
}
