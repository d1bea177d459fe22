import type { AddressRecord } from '../../model/address.js';
import { randomToken } from '../pool-id.js';

/** An address that this host holds, for whichever container comes next. */
export function reserveRecord(
  host: Pick<AddressRecord, 'hostId' | 'hostName'>,
  references: readonly string[],
): AddressRecord {
  const { hostId, hostName } = host;
  return {
    ...{ version: 1, state: 'claimed', hostId, hostName, claim: randomToken() },
    ...{ references: [...references], purpose: 'endpoint', reserve: true },
  };
}
