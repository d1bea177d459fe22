import { describe, expect, test } from '@jest/globals';
import { Prefix } from '../../../src/inet/prefix.js';
import { holdOn } from '../../../src/ipam/hold.js';
import { Stock } from '../../../src/ipam/pools/stock.js';
import { type AddressRecord, bound, reserved } from '../../../src/model/address.js';

const HOST = { hostId: 'id', hostName: 'h1' };
const HOLD = holdOn({ space: 'xnet-local', subnet: Prefix.parse('0.0.0.0/24') }, 'r');

/** A pool whose addresses 2, 3 and 4 are in stock. */
function stocked(handOverMs?: number) {
  const addresses = new Map<bigint, { record: AddressRecord | undefined }>();
  const inFlight = new Set<bigint>();
  const devices = new Set<bigint>();
  const doubtful = new Set<bigint>();
  const isCertain = (address: bigint) => !doubtful.has(address);
  const stock = new Stock({ addresses, inFlight, devices, isCertain }, handOverMs);
  const put = (address: bigint, record = reserved(HOST, `of ${address}`, ['r'])) =>
    addresses.set(address, { record });
  for (const address of [2n, 3n, 4n]) put(address);
  stock.add([2n, 3n, 4n]);
  return { addresses, inFlight, devices, doubtful, stock, put };
}

describe('a stock', () => {
  test('hands each address out once, in turn', () => {
    const { stock } = stocked();
    expect([stock.take(HOLD), stock.take(HOLD), stock.take(HOLD), stock.take(HOLD)]).toEqual([
      2n,
      3n,
      4n,
      undefined,
    ]);
    expect(stock.handedOut(3n)).toBeDefined();
  });

  test('hands out none that is reserved no more, or anew, or for another hold', () => {
    const { addresses, stock, put } = stocked();
    addresses.delete(2n);
    put(3n, reserved(HOST, 'anew', ['r']));
    put(4n, reserved(HOST, 'of 4', ['other']));
    expect(stock.take(HOLD)).toBeUndefined();
  });

  test('knows how many it has of a hold without a look at the other addresses of the pool, which may be many', () => {
    const { addresses, stock, put } = stocked();
    put(4n, reserved(HOST, 'of 4', ['other']));
    const each = () => {
      throw new Error('each address is looked at');
    };
    Object.assign(addresses, { values: each, entries: each, keys: each, forEach: each });
    expect(stock.left(HOLD)).toBe(2);
    stock.take(HOLD);
    expect(stock.left(HOLD)).toBe(1);
  });

  test('passes over one that a commit is about to change, until that has failed', () => {
    const { inFlight, stock } = stocked();
    inFlight.add(2n);
    expect(stock.take(HOLD)).toBe(3n);
    inFlight.delete(2n);
    expect(stock.take(HOLD)).toBe(2n);
  });

  test('passes over one that a device on the LAN has', () => {
    const { devices, stock } = stocked();
    devices.add(2n);
    expect(stock.next(HOLD)).toEqual([3n, 4n]);
    expect(stock.take(HOLD)).toBe(3n);
  });

  test('passes over one whose return may have been committed, until that is known', () => {
    const { doubtful, stock } = stocked();
    doubtful.add(2n);
    expect([stock.has(2n), stock.take(HOLD)]).toEqual([false, 3n]);
    doubtful.delete(2n);
    expect(stock.take(HOLD)).toBe(2n);
  });

  test('takes an address for handed out until its endpoint is recorded, or Docker releases it', () => {
    const { addresses, stock, put } = stocked();
    const [one, two] = [stock.take(HOLD, 'web') ?? 0n, stock.take(HOLD) ?? 0n];
    expect(stock.handedOut(one)?.container).toBe('web');
    const record = addresses.get(one)?.record;
    put(one, record && bound(record, HOST, { endpointId: 'e', networkId: 'n' }));
    expect(stock.handedOut(one)).toBeUndefined();
    stock.takeBack(two);
    expect(stock.handedOut(two)).toBeUndefined();
    expect(stock.has(two)).toBe(false);
  });

  test('forgets what was handed out when Docker has had the time to create the endpoint', () => {
    const { stock } = stocked(-1);
    const address = stock.take(HOLD) ?? 0n;
    expect(stock.handedOut(address)).toBeUndefined();
    expect(stock.has(address)).toBe(false);
  });
});
