import { expect, test } from '@jest/globals';
import { changesOf, type Write } from '../../../src/store/store.js';

const ENTRIES = ['a/1', 'a/2', 'b'].map((key) => ({ key, createRevision: 3 }));
const content = {
  get: (key: string) => ENTRIES.find((entry) => entry.key === key),
  list: (prefix: string) => ENTRIES.filter(({ key }) => key.startsWith(prefix)),
};

const removed = (key: string) => ({ key, revision: 7, entry: undefined });
const put = (key: string, createRevision: number) => ({
  ...{ key, revision: 7 },
  entry: { key, value: 'v', revision: 7, createRevision },
});

test.each<[what: string, write: Write, changes: object[]]>([
  ['a new key', { put: 'c', value: 'v' }, [put('c', 7)]],
  ['another value, which keeps the revision of the key’s creation', { put: 'b', value: 'v' }, [put('b', 3)]],
  ['a removal', { remove: 'b' }, [removed('b')]],
  ['a removal of what is not known', { remove: 'c' }, [removed('c')]],
  ['the removal of a prefix', { removePrefix: 'a/' }, [removed('a/1'), removed('a/2')]],
])('the changes of %s', (_, write, changes) => {
  expect(changesOf([write], 7, content)).toEqual(changes);
});
