import { describe, expect, test } from '@jest/globals';
import {
  type Edit,
  hasOwnLine,
  planReadable,
  withoutReadable,
  writesMapped,
} from '../../../src/docker/hosts-lines.js';

const DOCKERS = '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n';
const FILL = ' '.repeat(7);

function apply(content: string, edits: readonly Edit[]): string {
  return edits.reduce(
    (text, edit) => text.slice(0, edit.offset) + edit.text + text.slice(edit.offset + edit.text.length),
    content,
  );
}

const readable = (content: string, hostname: string) => apply(content, planReadable(content, hostname));

describe("a container's own lines in Docker's hosts file", () => {
  test.each([
    ['a host name', 'me\n', '::ffff:10.1.2.3\tme\n', `10.1.2.3\tme${FILL}\n`],
    [
      'a domain',
      'me.example.org\n',
      '::ffff:10.1.2.3\tme.example.org me\n',
      `10.1.2.3\tme.example.org me${FILL}\n`,
    ],
    ['no newline at the end', 'me', '::ffff:10.1.2.3\tme', `10.1.2.3\tme${FILL}`],
    [
      'two networks',
      'me',
      '::ffff:10.1.2.3\tme\nfd00::3\tme\n::ffff:10.2.2.3\tme\n',
      `10.1.2.3\tme${FILL}\nfd00::3\tme\n10.2.2.3\tme${FILL}\n`,
    ],
    ["an --add-host of its user's", 'me', '::ffff:10.1.2.3\tother\n', '::ffff:10.1.2.3\tother\n'],
    ['nothing to do', 'me', '10.1.2.3\tme\nfd00::3\tme\n', '10.1.2.3\tme\nfd00::3\tme\n'],
  ])('become readable, and no byte moves: %s', (_, hostname, before, after) => {
    const became = readable(DOCKERS + before, hostname);
    expect(became).toBe(DOCKERS + after);
    expect(became).toHaveLength((DOCKERS + before).length);
  });

  test('are removed with their network; those of others, and of the user, stay', () => {
    const left = `${DOCKERS}10.1.2.3\tother\n10.1.2.4\tme${FILL}\n`;
    const content = `${left}10.1.2.3\tme${FILL}\n`;
    expect(withoutReadable(content, (address) => address === '10.1.2.3')).toBe(left);
    expect(withoutReadable(content, () => false)).toBe(content);
  });

  test('are told from lines of other names with the same address', () => {
    expect(hasOwnLine(`${DOCKERS}::ffff:10.1.2.3\tme\n`, 'me\n', '10.1.2.3')).toBe(true);
    expect(hasOwnLine(`${DOCKERS}10.1.2.3\tme.example.org me${FILL}\n`, 'me.example.org', '10.1.2.3')).toBe(
      true,
    );
    expect(hasOwnLine(`${DOCKERS}10.1.2.3\tother\n`, 'me', '10.1.2.3')).toBe(false);
    expect(hasOwnLine(`${DOCKERS}10.1.2.33\tme\n`, 'me', '10.1.2.3')).toBe(false);
  });

  test.each([
    ['20.10.24+dfsg1', false],
    ['26.1.5+dfsg1', false],
    ['28.0.0', true],
    ['28.5.2+dfsg3', true],
    ['29.0.4', true],
    ['29.1.0', false],
    ['30.0.0', false],
  ])('of Docker %s: IPv4 addresses are written as mapped ones: %s', (version, isMapped) => {
    expect(writesMapped(version)).toBe(isMapped);
  });
});
