import { type Answer, OPERATIONS, type OperationName } from '../../../src/admin/operations.js';
import type { Lab } from './lab.js';

/**
 * What the command of that name answers on the host. Exit code 1 says that something is wrong, which is an answer; where it gave none,
 * this throws what it said.
 */
export async function xnetAnswer<N extends OperationName>(
  lab: Lab,
  host: string,
  name: N,
  ...words: readonly string[]
): Promise<Answer<N>> {
  const script = [
    `answer=$(xnet ${[name, ...words].join(' ')} -o json 2>/run/xnet-said) && code=0 || code=$?`,
    'if [ $code -gt 1 ] || [ -z "$answer" ]; then cat /run/xnet-said >&2; exit 9; fi',
    'echo "$answer"',
  ];
  const answer = JSON.parse(await lab.in(host, 'sh', '-c', script.join('\n')));
  return OPERATIONS[name].answer.parse(answer) as Answer<N>;
}

/** The PROBLEMs of its status. */
export async function problemsOf(lab: Lab, host: string): Promise<readonly string[]> {
  return (await xnetAnswer(lab, host, 'status')).problems;
}
