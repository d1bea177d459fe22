import { expect, test } from '@jest/globals';
import { doctorText } from '../../../src/cli/looks/doctor.js';
import { answerOf } from '../../../src/host/answers/doctor/said-elsewhere.js';

const PROBLEMS = [
  { host: 'h2', text: 'h2: network shop is missing' },
  { host: 'h3', text: 'h3: network shop is missing' },
];

test('the problems of a host that does not answer the doctor are shown with it', () => {
  const answer = answerOf('h3', { refusal: 'no answer within 9 s' }, PROBLEMS);
  expect(doctorText({ hosts: [answer] })).toBe(
    'failure  status  h3: network shop is missing\nfailure  h3: no answer within 9 s\n',
  );
});

test('those of one that answers are among what it finds', () => {
  const found = [{ check: 'status', verdict: 'failure', found: 'network shop is missing' }] as const;
  expect(answerOf('h2', { found }, PROBLEMS)).toEqual({ host: 'h2', findings: found });
});
