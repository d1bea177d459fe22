import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { hostRecord } from '../../../src/model/host.js';
import { findRecord, formatRecord, parseRecord, versioned } from '../../../src/model/record.js';
import { MemoryStore } from '../../../src/store/local/memory-store.js';
import { asRead, transact } from '../../../src/store/transact.js';

/** Version 2 gave the lamp its colour, version 3 calls its place room. */
const lampRecord = versioned(
  { version: z.literal(3), room: z.string(), colour: z.string(), isOn: z.boolean() },
  [(lamp) => ({ ...lamp, colour: 'white' }), ({ place, ...lamp }) => ({ ...lamp, room: place })],
);
const entry = (value: object) => ({ key: 'lamps/1', value: JSON.stringify(value) });
const LAMP = { version: 3, room: 'hall', colour: 'white', isOn: true };

test.each([
  ['without a version', { place: 'hall', isOn: true }],
  ['of version 1', { version: 1, place: 'hall', isOn: true }],
  ['of version 2', { version: 2, place: 'hall', colour: 'white', isOn: true }],
  ['of our version', LAMP],
])('a record %s is read as one of ours', (_, value) => {
  expect(parseRecord(lampRecord, entry(value))).toEqual(LAMP);
});

test.each([
  ['a newer version', { ...LAMP, version: 4 }],
  ['a version that is none', { ...LAMP, version: 'three' }],
  ['version 0', { ...LAMP, version: 0 }],
  ['an older version that lacks what it had', { version: 1 }],
])('a record of %s is refused', (_, value) => {
  expect(() => parseRecord(lampRecord, entry(value))).toThrow(/lamps\/1 cannot be read/);
  expect(findRecord(lampRecord, entry(value))).toBeUndefined();
});

test.each(['null', '7', '[]', 'no JSON'])('what is no record, such as %s, is refused', (value) => {
  expect(findRecord(hostRecord, { key: 'hosts/1', value })).toBeUndefined();
});

test('an older record is written as one of ours when it is next changed, and not before', async () => {
  await using store = new MemoryStore();
  const old = JSON.stringify({ version: 1, place: 'hall', isOn: true });
  await store.commit([], [{ put: 'lamps/1', value: old }]);
  const lamp = await store.get('lamps/1');
  if (!lamp) throw new Error('no lamp');
  expect(parseRecord(lampRecord, lamp).isOn).toBe(true);
  expect((await store.get('lamps/1'))?.value).toBe(old);
  await transact(store, async () => ({
    result: undefined,
    conditions: [asRead(lamp.key, lamp)],
    writes: [{ put: lamp.key, value: formatRecord({ ...parseRecord(lampRecord, lamp), isOn: false }) }],
  }));
  const written = (await store.get('lamps/1'))?.value;
  expect(JSON.parse(written ?? '')).toEqual({ ...LAMP, isOn: false });
});
