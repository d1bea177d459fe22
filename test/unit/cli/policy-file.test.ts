import { describe, expect, test } from '@jest/globals';
import { parsePolicies } from '../../../src/cli/policy/policy-file.js';

const GOOD = `policy: db-only-from-web
to: { app: db }
allow:
  - from: { app: web }
    ports: [5432/tcp]
  - from: { network: monitoring }
  - from: { cidr: 10.0.0.0/8 }
    ports: [icmp, 8000-8100/udp]
`;

function refusalOf(text: string): string {
  try {
    parsePolicies(text, 'db.yaml');
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

describe('a file of policies', () => {
  test('is read as it stands, each document a policy', () => {
    const [first, second, ...rest] = parsePolicies(
      `${GOOD}---\npolicy: two\nto: {a: b}\nallow: []\naudit: true\n`,
      'f',
    );
    expect(first).toEqual({
      policy: 'db-only-from-web',
      to: { app: 'db' },
      allow: [
        { from: { app: 'web' }, ports: ['5432/tcp'] },
        { from: { network: 'monitoring' } },
        { from: { cidr: '10.0.0.0/8' }, ports: ['icmp', '8000-8100/udp'] },
      ],
    });
    expect(second).toMatchObject({ policy: 'two', allow: [], audit: true });
    expect(rest).toEqual([]);
  });

  test.each([
    [
      'a wrong port',
      GOOD.replace('5432/tcp', '5432/http'),
      'db.yaml:5:13: allow.0.ports.0: a port is such as',
    ],
    ['a port beyond the last', GOOD.replace('5432/tcp', '70000/tcp'), 'db.yaml:5:13: allow.0.ports.0'],
    ['a range that goes down', GOOD.replace('5432/tcp', '90-80/tcp'), 'db.yaml:5:13: allow.0.ports.0'],
    [
      'an unknown field',
      GOOD.replace('ports: [5432', 'port: [5432'),
      'db.yaml:5:11: allow.0.port: there is no such field',
    ],
    [
      'a number as a label',
      GOOD.replace('app: db', 'app: 5'),
      'db.yaml:2:12: to.app: the value of a label is a text',
    ],
    ['host bits', GOOD.replace('10.0.0.0/8', '10.1.0.0/8'), 'db.yaml:7:19: allow.2.from.cidr: give a subnet'],
    ['no selection', GOOD.replace('{ app: db }', '{}'), 'db.yaml:2:5: to: give at least one label'],
    ['a wrong name', GOOD.replace('db-only-from-web', 'DB only'), 'db.yaml:1:9: policy: a name has'],
    ['no rules', 'policy: a\nto: {a: b}\n', 'db.yaml:1:1: allow: Invalid input'],
    ['broken YAML', 'policy: [a\n', 'db.yaml:2:1: '],
    ['the same key twice', `${GOOD}policy: b\n`, 'db.yaml:9:1: Map keys must be unique'],
    [
      'the same policy twice',
      `${GOOD}---\n${GOOD}`,
      'db.yaml:10:9: policy db-only-from-web is in the file twice',
    ],
    ['nothing', '', 'db.yaml:1:1: there is no policy in it'],
  ])('is refused whole for %s, with line and column', (_, text, said) => {
    const refusal = refusalOf(text);
    expect(refusal).toContain('no policy was applied:\n');
    expect(refusal).toContain(said);
  });

  test('is refused with all that is wrong', () => {
    const text = GOOD.replace('5432/tcp', 'x').replace('10.0.0.0/8', 'y');
    expect(refusalOf(text).split('\n')).toHaveLength(3);
  });
});
