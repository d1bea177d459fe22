import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ExportedNetwork } from '../../../src/admin/answers.js';
import { createCommand } from '../../../src/cli/documents/export.js';

const PLAIN: ExportedNetwork = {
  ...{ name: 'shop', internal: false, attachable: false, ipv4: true, ipv6: false, labels: {}, options: {} },
  ipam: { driver: 'xnet', options: {}, subnets: [] },
};

describe('the command that creates a network anew', () => {
  test('has all that the network was created with', () => {
    const network = {
      ...PLAIN,
      ...{ internal: true, attachable: true, ipv4: false, ipv6: true, options: { 'xnet.multicast': 'off' } },
      ipam: {
        driver: 'xnet',
        options: { 'xnet.name': 'shop' },
        subnets: [
          { subnet: 'fd00::/64', range: 'fd00::/80', gateway: 'fd00::1', auxiliary: { printer: 'fd00::9' } },
        ],
      },
    };
    expect(createCommand(network)).toBe(
      'docker network create --driver xnet --ipam-driver xnet --ipam-opt xnet.name=shop --subnet fd00::/64 --ip-range fd00::/80 ' +
        '--gateway fd00::1 --aux-address printer=fd00::9 --ipv4=false --ipv6 --internal --attachable --opt xnet.multicast=off shop',
    );
  });

  test("leaves Docker's own IPAM out", () => {
    const ipam = { ...PLAIN.ipam, driver: 'default' };
    expect(createCommand({ ...PLAIN, ipam })).toBe('docker network create --driver xnet shop');
  });

  test('is read by a shell as it is meant, whatever a label has', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((each) => !each.includes('\0'));
    fc.assert(
      fc.property(text, (value) => {
        const command = createCommand({ ...PLAIN, labels: { note: value } }).replace(
          /^docker/,
          "printf '%s\\0'",
        );
        const words = execFileSync('sh', ['-c', command]).toString().split('\0');
        expect(words).toContain(`note=${value}`);
      }),
      { numRuns: 30 },
    );
  });
});
