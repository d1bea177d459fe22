import { describe, expect, test } from '@jest/globals';
import { IdentityClash, isOtherAlive, RecordsOwner } from '../../../src/agent/hosts/records-owner.js';
import type { HostRecord } from '../../../src/model/host.js';

const host = (fields: Partial<HostRecord> = {}): HostRecord => ({
  ...{ version: 1, id: 'id', name: 'h2', vtep: '198.18.0.2', vxlanPort: 4789, xnetVersion: 'test' },
  ...{ machine: 'boot-1/1', ...fields },
});
const copy = host({ machine: 'boot-9/1', vtep: '198.18.0.9' });
const rebooted = host({ machine: 'boot-2/1' });
const binding = (database: string) => ({
  ...{ version: 1 as const, networkId: 'n', hostId: 'id', dockerNetworkId: 'd' },
  seen: { name: 'demo', database },
});

describe('a machine that registers with a host id is refused while another is alive with it', () => {
  test.each([
    ['another machine, whatever its name', host(), copy, true, true],
    ['another machine, whose record is of an older xnet', host({ machine: undefined }), copy, true, true],
    ['the first, when it is silent', host(), copy, false, false],
    ['the same run, with another address', host(), host({ vtep: '198.18.0.9' }), true, false],
    ['the machine itself, rebooted within the lease', host(), rebooted, true, false],
    ['an upgraded xnet that was killed', host({ machine: undefined }), host(), true, false],
  ])('%s', (_, record, own, isAlive, refused) => {
    expect(isOtherAlive({ record, isAlive }, own)).toBe(refused);
  });

  test('nobody has the id', () => expect(isOtherAlive({ isAlive: false }, host())).toBe(false));
});

describe('whose the records are', () => {
  const owner = (record: HostRecord | undefined, own: HostRecord, isAlive = false) => {
    const result = new RecordsOwner();
    result.noteRegistered({ record, isAlive }, own);
    return result;
  };

  test.each([
    ['new', undefined, copy, false],
    ["this run's, with another address", host(), host({ vtep: '198.18.0.9' }), true],
    ["of this host's address", host(), rebooted, false],
  ])("certainly this machine's: %s", (_, record, own, isAlive) => {
    expect(owner(record, own, isAlive).isThisMachine).toBe(true);
  });

  test("this machine's: another address after a reboot, and the Docker that made them", () => {
    const moved = owner(host({ dockerDatabase: 'a' }), copy);
    expect(moved.isThisMachine).toBe(false);
    expect(moved.recognize('a', [])).toBe(true);
    expect(moved.isThisMachine).toBe(true);
    expect(moved.refusal).toBeUndefined();
  });

  test.each([
    ['the record says so', host({ dockerDatabase: 'a' }), []],
    ['its bindings say so', host(), [binding('a')]],
  ])("another machine's: another Docker made them (%s)", (_, record, bindings) => {
    const copied = owner(record, copy);
    expect(copied.recognize('b', bindings)).toBe(false);
    expect(copied.isThisMachine).toBe(false);
    expect(copied.refusal?.message).toMatch(/h2 \(198.18.0.2\).*empty its state directory/);
  });

  test('not known from a Docker that does not name its database', () => {
    const moved = owner(host({ dockerDatabase: 'a' }), copy);
    expect(moved.recognize('', [])).toBe(false);
    expect(moved.refusal).toBeUndefined();
    expect(moved.recognize('a', [])).toBe(true);
  });

  test("of its own address, taken over while the machine before it was alive: Docker's word counts", () => {
    const taken = owner(host({ dockerDatabase: 'a' }), rebooted, true);
    expect(taken.isThisMachine).toBe(false);
    expect(taken.recognize('a', [])).toBe(true);
  });
});

test('a copy stays one when the other machine is off for a while; a lease that ends makes none', () => {
  const clash = new IdentityClash();
  clash.note(host(), 0);
  clash.note(host(), 9_000);
  expect(clash.other).toBeUndefined();
  clash.note(host(), 31_000);
  expect(clash.other).toEqual(host());
});
