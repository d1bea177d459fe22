/** Rules of ports are copied, and are those that would be made anew. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type PortOwner, portRules } from '../../../src/dataplane/spoofing/port-rules.js';
import { stampedRules } from '../../../src/dataplane/spoofing/stamped-rules.js';

const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
const ofBytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const v4 = ofBytes(4).map((bytes) => bytes.join('.'));
const v6 = ofBytes(16).map((bytes) =>
  hex(bytes)
    .join('')
    .replace(/.{4}(?=.)/g, '$&:'),
);

const owners: fc.Arbitrary<PortOwner> = fc.record({
  name: fc.oneof(
    ofBytes(6).map((bytes) => `xc${hex(bytes).join('')}`),
    fc.constantFrom('eth0', 'eth1', 'x'),
  ),
  mac: ofBytes(6).map((bytes) => hex(bytes).join(':')),
  addresses: fc.array(fc.oneof(v4, v6), { maxLength: 4 }),
});

test('they are the same, whoever owns the port, also after others', () => {
  fc.assert(
    fc.property(owners, (owner) => {
      expect(stampedRules(owner)).toEqual(portRules(owner).map((rule) => Buffer.concat(rule)));
    }),
    { numRuns: 40 },
  );
});

test('what one owner has got does not change with the next', () => {
  const owner = { name: 'xc0123456789ab', mac: '02:00:00:00:00:01', addresses: ['10.1.0.2'] };
  const first = stampedRules(owner);
  const before = Buffer.concat(first);
  stampedRules({ ...owner, mac: '02:00:00:00:00:02', addresses: ['10.1.0.3'] });
  expect(Buffer.concat(first)).toEqual(before);
});
