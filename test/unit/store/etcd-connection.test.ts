import { afterEach, expect, jest, test } from '@jest/globals';
import { EtcdConnection } from '../../../src/store/etcd/etcd-connection.js';

afterEach(() => {
  jest.restoreAllMocks();
});

test('a connection that is given up is replaced, at most once a second, also after the clock was put back', () => {
  const connection = new EtcdConnection('http://127.0.0.1:1', {}, 'calls');
  const nowMs = jest.spyOn(performance, 'now').mockReturnValue(5_000);
  const clock = jest.spyOn(Date, 'now').mockReturnValue(7_200_000);
  const first = connection.client;
  connection.renew();
  const second = connection.client;
  expect(second === first).toBe(false);
  connection.renew();
  expect(connection.client === second).toBe(true);
  nowMs.mockReturnValue(7_000);
  clock.mockReturnValue(3_600_000);
  connection.renew();
  expect(connection.client === second).toBe(false);
  connection.close();
});
