import { describe, expect, test } from '@jest/globals';
import { DriverNames, pluginIdIn } from '../../../src/docker/own-plugin.js';

const ID = '69daab4997696b54e6a46657820dfeb2d4472590fe41d747c739e2e5e1080cec';

describe('the own managed plugin', () => {
  test("is told by the mount of its socket's directory", () => {
    const mountinfo = [
      '1148 915 0:158 / /host/run rw,relatime shared:256 - tmpfs tmpfs rw,mode=755',
      `1171 915 0:158 /docker/plugins/${ID} /run/docker/plugins rw,relatime shared:256 - tmpfs tmpfs rw`,
    ];
    expect(pluginIdIn(mountinfo.join('\n'))).toBe(ID);
  });

  test('is none on a host', () => {
    expect(
      pluginIdIn('721 1157 0:158 / /run rw,relatime shared:256 - tmpfs tmpfs rw,mode=755'),
    ).toBeUndefined();
  });

  test.each([
    { names: ['xnet'] as const, docker: 'xnet', ours: 'xnet', makes: 'xnet' },
    { names: ['net:1'] as const, docker: 'net:1', ours: 'xnet', makes: 'net:1' },
    { names: ['net:1'] as const, docker: 'xnet', ours: 'xnet, not this plugin', makes: 'net:1' },
    { names: ['xnet', 'net:1'] as const, docker: 'net:1', ours: 'xnet', makes: 'xnet' },
    { names: ['net:1'] as const, docker: 'bridge', ours: 'bridge', makes: 'net:1' },
  ])('$names: Docker says $docker, which is $ours', ({ names, docker, ours, makes }) => {
    const driverNames = new DriverNames([...names]);
    expect(driverNames.fromDocker(docker)).toBe(ours);
    expect(driverNames.toDocker('xnet')).toBe(makes);
    expect(driverNames.toDocker('macvlan')).toBe('macvlan');
  });
});
