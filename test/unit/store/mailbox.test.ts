import { expect, test } from '@jest/globals';
import { Mailbox } from '../../../src/concurrency/mailbox.js';

const open = new AbortController().signal;

test('a mailbox gives items in the order they came, also to a reader that waited', async () => {
  const mailbox = new Mailbox<number>(-1);
  const waiting = mailbox.next(open);
  mailbox.push(1);
  mailbox.push(2);
  expect([await waiting, await mailbox.next(open)]).toEqual([1, 2]);
});

test('a mailbox that is full gives the overflow mark instead of what it held, then what came after', async () => {
  const mailbox = new Mailbox<number>(-1, 3);
  for (const item of [1, 2, 3, 4, 5]) mailbox.push(item);
  expect([await mailbox.next(open), await mailbox.next(open)]).toEqual([-1, 5]);
});

test('a mailbox lets its reader go when told, and leaves no listener behind', async () => {
  const mailbox = new Mailbox<number>(-1);
  const abort = new AbortController();
  const waiting = mailbox.next(abort.signal);
  abort.abort();
  expect(await waiting).toBeUndefined();
  mailbox.push(1);
  expect(await mailbox.next(abort.signal)).toBeUndefined();
  expect(await mailbox.next(open)).toBe(1);
});
