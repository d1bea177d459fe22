import { expect, test } from '@jest/globals';
import { DueNetworks } from '../../../src/agent/forwarding/due-networks.js';

const USED = ['a', 'b', 'c'];
const always = () => true;

test('all networks are due at first, and then those in which something has happened, once', () => {
  const due = new DueNetworks();
  due.touch('b');
  expect(due.take(USED, always)).toEqual(USED);
  expect(due.take(USED, always)).toEqual([]);
  due.touch('c');
  due.touch('gone');
  expect(due.take(USED, always)).toEqual(['c']);
  expect(due.take(USED, always)).toEqual([]);
});

test('what may have gone unreported makes all of them due', () => {
  const due = new DueNetworks();
  due.take(USED, always);
  due.touchAll();
  expect(due.take(USED, always)).toEqual(USED);
});

test('a network of which nothing is reported is due each time', () => {
  const due = new DueNetworks();
  due.take(USED, always);
  for (let time = 1; time <= 2; time++) expect(due.take(USED, (id) => id !== 'a')).toEqual(['a']);
});
