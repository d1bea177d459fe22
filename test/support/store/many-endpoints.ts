/** A network of many endpoints in the store, as the containers of a Compose service on many hosts make them. */
import type { EndpointRecord } from '../../../src/model/endpoint.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import type { Store, Write } from '../../../src/store/store.js';

/** So many writes at most are in one commit. */
const MOST_WRITES = 100;

/** Endpoint `n` of up to 16 million, from 1, on host `hN`: addresses from 10.0.0.1 on. */
export function endpointOf(networkId: string, n: number, hostId: string): EndpointRecord {
  const bytes = [n >> 16, (n >> 8) & 255, n & 255];
  const digits = bytes.map((byte) => byte.toString(16).padStart(2, '0'));
  const id = digits.join('').padStart(64, '0');
  const names = {
    container: `shop-web-${n}`,
    containerId: id,
    network: 'shop',
    names: [`shop-web-${n}`, 'web', id.slice(-12)],
    ports: [{ port: 80, protocol: 'tcp' }],
  };
  return {
    ...{ version: 1, id, networkId, dockerNetworkId: 'd'.repeat(64), hostId },
    ...{ addresses: [`10.${bytes.join('.')}`], mac: `02:42:0a:${digits.join(':')}`, names },
  };
}

export function endpointPut(record: EndpointRecord): Write {
  return { put: keys.endpoint(record.networkId, record.id), value: formatRecord(record) };
}

export async function commitAll(store: Store, writes: readonly Write[]): Promise<void> {
  for (let at = 0; at < writes.length; at += MOST_WRITES)
    await store.commit([], writes.slice(at, at + MOST_WRITES));
}
