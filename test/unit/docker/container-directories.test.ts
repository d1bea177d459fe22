import { describe, expect, test } from '@jest/globals';
import { visiblePath } from '../../../src/docker/container-directories.js';

const ROOT = '21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw';
const OWN_DISK = '40 21 8:1 / /var/lib/docker rw - xfs /dev/sda1 rw';
const BOUND = '41 21 254:0 /disks/docker /var/lib/docker rw - ext4 /dev/vda rw';
const SPACE = '42 21 8:2 / /mnt/big\\040disk rw - ext4 /dev/sdb rw';

describe("Docker's directory, where the host's mounts show it", () => {
  test.each([
    ['on the root file system', [ROOT], '254:0', '/var/lib/docker/containers', '/var/lib/docker/containers'],
    ['on a disk of its own', [ROOT, OWN_DISK], '8:1', '/containers', '/var/lib/docker/containers'],
    [
      'bound from elsewhere',
      [ROOT, BOUND],
      '254:0',
      '/disks/docker/containers',
      '/var/lib/docker/containers',
    ],
    [
      'with a space in its path',
      [ROOT, SPACE],
      '8:2',
      '/docker/containers',
      '/mnt/big disk/docker/containers',
    ],
    [
      'beside a directory of a like name',
      [ROOT, BOUND],
      '254:0',
      '/disks/docker2/containers',
      '/disks/docker2/containers',
    ],
    ['nowhere', [ROOT], '8:1', '/containers', undefined],
  ])('%s', (_, mounts, device, directory, path) => {
    expect(visiblePath(mounts.join('\n'), device, directory)).toBe(path);
  });
});
