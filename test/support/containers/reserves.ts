import type { Lab } from '../lab/lab.js';

/** Addresses that hosts have claimed in advance, so that they can start containers while etcd is away; filled in the background. */
export async function reservedAddresses(lab: Lab): Promise<{ hostId: string }[]> {
  const values = await lab.etcd('ctl', 'get', '--prefix', '/xnet/addresses/', '--print-value-only');
  const records = values.split('\n').filter((line) => line.includes('"reserve":true'));
  return records.map((line) => JSON.parse(line) as { hostId: string });
}
