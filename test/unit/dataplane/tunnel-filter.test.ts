import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { diffTable } from '../../../src/dataplane/nft/tunnel-filter.js';

/** What nft prints of the table; undefined: there is none. */
const text = fc.option(
  fc.constantFrom('table inet xnet {\n}\n', 'table inet xnet {\n\tchain c {\n\t}\n}\n'),
  {
    nil: undefined,
  },
);

test('the diff of a table is one change, or none where it is as it was set', () => {
  fc.assert(
    fc.property(text, text, (observed, desired) => {
      const was = observed === undefined ? 'missing' : desired === undefined ? 'extra' : 'altered';
      const expected = observed === desired ? [] : [{ kind: 'tunnel-filter', object: 'inet xnet', was }];
      expect(diffTable(observed, desired)).toEqual(expected);
      // It is set as a whole.
      expect(diffTable(expected.length > 0 ? desired : observed, desired)).toEqual([]);
    }),
  );
});
