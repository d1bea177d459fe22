import { expect, test } from '@jest/globals';
import { isOfVanishedPort } from '../../../src/dataplane/forwarding/apply-forwarding.js';

const PORT = 'xcd76797790f54';

test.each([
  [`fdb replace 02:47:0a:c0:00:09 dev ${PORT} master static`, `Cannot find device "${PORT}"`, true],
  [`link set ${PORT} up`, `Cannot find device "${PORT}"`, true],
  [`link set ${PORT} up`, 'RTNETLINK answers: Operation not permitted', false],
  ['fdb replace 02:47:0a:c0:00:09 dev vxlan0 dst 10.9.0.2 self static', 'Cannot find device "vxlan0"', false],
])('%s, %s: the port has vanished: %s', (line, words, expected) => {
  expect(isOfVanishedPort({ line, words })).toBe(expected);
});
