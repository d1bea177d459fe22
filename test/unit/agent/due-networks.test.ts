import { expect, test } from '@jest/globals';
import { DueNetworks } from '../../../src/agent/forwarding/due-networks.js';

const USED = new Set(['a', 'b', 'c']);
const always = () => true;

test('all networks are due at first, and then those in which something has happened, once', () => {
  const due = new DueNetworks();
  due.touch('b');
  expect(due.take(USED, always)).toEqual([...USED]);
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
  expect(due.take(USED, always)).toEqual([...USED]);
});

test('a network of which nothing is reported is due each time', () => {
  const due = new DueNetworks();
  due.take(USED, always);
  for (let time = 1; time <= 2; time++) expect(due.take(USED, (id) => id !== 'a')).toEqual(['a']);
});

test('a network of ten thousand endpoints is due again only after a minute; what has happened in it is not forgotten', () => {
  let now = 0;
  const due = new DueNetworks(() => now);
  due.take(USED, always);
  due.noteLook('a', 10_000);
  due.noteLook('b', 100);
  due.touch('a');
  due.touch('b');
  now = 22_000;
  expect(due.take(USED, always)).toEqual(['b']);
  now = 66_000;
  expect(due.take(USED, always)).toEqual(['a']);
  due.noteLook('a', 10_000);
  due.touchAll();
  expect(due.take(USED, always)).toEqual([...USED]);
});
