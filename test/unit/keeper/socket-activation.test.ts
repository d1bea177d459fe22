import { describe, expect, test } from '@jest/globals';
import { parseGivenSockets, withoutGivenSockets } from '../../../src/keeper/socket-activation.js';

const given = (count: string, names?: string, pid = '7') =>
  parseGivenSockets(
    { LISTEN_PID: pid, LISTEN_FDS: count, ...(names !== undefined && { LISTEN_FDNAMES: names }) },
    7,
  );

describe("the supervisor's sockets", () => {
  test('are the plugin socket when there is one without a name of its own', () => {
    for (const names of [undefined, '', 'xnet.socket', 'unknown']) {
      expect(given('1', names)).toEqual([{ key: 'plugin', fd: 3, given: true }]);
    }
  });

  test('go by their names when they have some', () => {
    expect(given('3', 'admin:plugin:sandbox/1/udp')).toEqual([
      { key: 'admin', fd: 3, given: true },
      { key: 'plugin', fd: 4, given: true },
      { key: 'sandbox/1/udp', fd: 5, given: true },
    ]);
  });

  test('without a name or with a second one of the same name are left out', () => {
    expect(given('3', 'xnet.socket:xnet.socket:plugin')).toEqual([{ key: 'plugin', fd: 3, given: true }]);
  });

  test('are none when they are meant for another process or there is no number', () => {
    expect(given('1', undefined, '8')).toEqual([]);
    for (const count of ['', '0', '-1', 'x', '1.5']) expect(given(count)).toEqual([]);
    expect(parseGivenSockets({}, 7)).toEqual([]);
  });

  test('are not announced to the daemon', () => {
    const environment = { A: '1', LISTEN_PID: '7', LISTEN_FDS: '1', LISTEN_FDNAMES: 'x' };
    expect(withoutGivenSockets(environment)).toEqual({ A: '1' });
  });
});
