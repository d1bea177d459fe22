import { describe, expect, test } from '@jest/globals';
import { claimed, foreign, reserved } from '../../../src/model/address.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import { ownershipOf } from '../../../src/store/known/own-keys.js';

const { isOwn, isGivenUp, isAboutThisHost } = ownershipOf('me');
const KEY = keys.mac('net', '02:42:ac:11:00:99');

function claimOf(hostId: string): string {
  return formatRecord({ version: 1 as const, networkId: 'net', endpointId: 'e', hostId, hostName: hostId });
}

describe('the claim of a MAC', () => {
  test('is of the host that has it, which may give it up, claim it again, and puts it back after a restore', () => {
    const mine = claimOf('me');
    expect(isOwn(KEY, mine, undefined)).toBe(true);
    expect(isOwn(KEY, mine, mine)).toBe(true);
    expect(isGivenUp(KEY, mine, undefined)).toBe(true);
    expect(isGivenUp(KEY, mine, mine)).toBe(false);
    expect(isAboutThisHost(KEY, mine)).toBe(true);
  });

  test('is nobody else’s, and one that nobody has is not to be had while the store is away', () => {
    const others = claimOf('other');
    expect(isOwn(KEY, others, claimOf('me'))).toBe(false);
    expect(isOwn(KEY, undefined, claimOf('me'))).toBe(false);
    expect(isAboutThisHost(KEY, others)).toBe(false);
  });
});

describe('an address that is set aside for a device', () => {
  const ADDRESS = keys.address('xnet-local~10.1.0.0/24', '10.1.0.9');
  const ME = { hostId: 'me', hostName: 'me' };
  const at = '2026-11-30T10:00:00.000Z';
  const setAside = formatRecord(foreign(ME, 'c', { mac: '02:00:00:00:00:09', since: at, seen: at }));

  test('is of no host: another one may have given it to a container, while the store is away from the one that found the device', () => {
    expect(isOwn(ADDRESS, setAside, formatRecord(claimed(ME, 'd', 'hold')))).toBe(false);
    expect(isAboutThisHost(ADDRESS, setAside)).toBe(false);
  });

  test('is given up by the host that had it in reserve', () => {
    const held = formatRecord(reserved(ME, 'c', ['hold']));
    expect([isOwn(ADDRESS, held, setAside), isGivenUp(ADDRESS, held, setAside)]).toEqual([true, true]);
  });
});
