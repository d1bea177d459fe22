import { expect, test } from '@jest/globals';
import { isRight } from '../../../src/dataplane/sandbox/sandbox-rules.js';

const REDIRECTION = { udpPort: 1053, tcpPort: 1054, mark: 0x786e6574 };

/** As nft 1.0.6 prints it. */
const RIGHT = `table ip xnet {
	chain output {
		type nat hook output priority -105; policy accept;
		ip daddr 127.0.0.11 udp dport 53 meta mark != 0x786e6574 ct mark set 0x786e6574 dnat to 127.0.0.11:1053
		ip daddr 127.0.0.11 tcp dport 53 meta mark != 0x786e6574 ct mark set 0x786e6574 dnat to 127.0.0.11:1054
	}
}
`;

test('the table of our rules is right, also as another nft spells its priority', () => {
  expect(isRight(RIGHT, REDIRECTION)).toBe(true);
  expect(isRight(RIGHT.replace('-105', 'dstnat - 5'), REDIRECTION)).toBe(true);
});

test.each([
  ['a rule', RIGHT.replace(/.*tcp.*\n/, '')],
  ['another port', RIGHT.replace('1054', '1055')],
  ['another address', RIGHT.replace('127.0.0.11:1053', '10.1.2.3:1053')],
  ['a rule before', RIGHT.replace('ip daddr', 'udp dport 53 drop\n\t\tip daddr')],
  ['a chain', RIGHT.replace(/}\n$/, '\tchain other {\n\t}\n}\n')],
])('a table with %s missing, changed or added is not', (_, text) => {
  expect(text).not.toBe(RIGHT);
  expect(isRight(text, REDIRECTION)).toBe(false);
});
