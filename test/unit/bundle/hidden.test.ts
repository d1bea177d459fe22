import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { publicOptions, scrubbed, withoutValues } from '../../../src/bundle/hidden.js';
import { finalError } from '../../../src/store/etcd/etcd-failure.js';

const word = fc.stringMatching(/^[A-Za-z0-9%._~-]{1,40}$/);

describe('what is left out of the archive', () => {
  test('users and passwords in URLs, whatever is around them', () => {
    fc.assert(
      fc.property(word, word, fc.string(), fc.string(), (user, password, before, after) => {
        const text = `${before} etcd://u_${user}:p_${password}@h1:2379 ${after}`;
        const left = scrubbed(text);
        expect(left).toContain('etcd://(hidden)@h1:2379');
        expect(left).not.toContain(`p_${password}@`);
      }),
    );
  });

  test('all of a password that a URL should not have as it is', () => {
    expect(scrubbed('etcd://root:sl/ash@at@h1:2379: no')).toBe('etcd://(hidden)@h1:2379: no');
  });

  test('the user whom etcd denies', () => {
    const { message } = finalError(
      { kind: 'denied', reason: 'no', notApplied: true, hung: false },
      'e',
      'alice',
      0,
    );
    expect(message).toContain('alice');
    expect(scrubbed(`${message} and more`)).toBe('etcd at e denies user (hidden): no and more');
  });

  test('keys in PEM form, also one that is cut off', () => {
    const key = '-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\nbW9yZQ==\n-----END EC PRIVATE KEY-----';
    expect(scrubbed(`before ${key} after`)).toBe('before (hidden) after');
    expect(scrubbed(`before ${key.slice(0, 45)}`)).toBe('before (hidden)');
  });

  test('nothing of a text that has neither', () => {
    const text = 'no answer of http://192.0.2.1:2379 under /xnet/ for a@b: "-----BEGIN CERTIFICATE-----"';
    expect(scrubbed(text)).toBe(text);
  });

  test('values of labels, and of options of which nobody knows what they are', () => {
    expect(withoutValues({ token: 's3cret' })).toEqual({ token: '(hidden)' });
    expect(
      publicOptions({ 'xnet.vni': '7', 'com.docker.network.driver.mtu': '1400', password: 's3cret' }),
    ).toEqual({
      'xnet.vni': '7',
      'com.docker.network.driver.mtu': '1400',
      password: '(hidden)',
    });
  });
});
