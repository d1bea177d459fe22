import { expect, test } from '@jest/globals';
import { parseSince } from '../../../src/cli/looks/events.js';

const NOW = Date.parse('2026-01-31T12:00:00Z');

test.each([
  ['90s', '2026-01-31T11:58:30.000Z'],
  ['1d', '2026-01-30T12:00:00.000Z'],
  ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00.000Z'],
])('--since %s is a time', (text, time) => {
  expect(parseSince(text, NOW)).toBe(time);
});

test.each(['', '5', '5 m', 'May', '2026-13-01', '99999999999d'])('--since %j is none', (text) => {
  expect(() => parseSince(text, NOW)).toThrow(expect.objectContaining({ code: 'INVALID' }));
});
