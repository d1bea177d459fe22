/** A real `ip` that stays: its answers are those of a batch of its own. */
import { describe, expect, test } from '@jest/globals';
import { Iproute2, isAbsent, isPresent } from '../../../src/dataplane/iproute2/iproute2.js';
import { StandingProgram } from '../../../src/dataplane/iproute2/standing-program.js';
import { Netns } from '../../support/kernel/netns.js';

const start = (namespace: string) => new StandingProgram('ip', ['-n', namespace, '-force', '-batch', '-']);

describe('a standing program', () => {
  test('does run after run, and numbers the failures of each from 1', async () => {
    await using netns = await Netns.create('standing');
    const program = start(netns.name);
    expect(await program.run(['link add d0 type bridge', 'link set d0 up'])).toBe('');
    const said = await Promise.all([
      program.run(['link set d0 up', 'link set nope up']),
      program.run(['link add d0 type bridge']),
      program.run(['link del d0']),
    ]);
    expect(said[0]).toMatch(/Cannot find device "nope"[\s\S]*Command failed -:2\n/);
    expect(said[1]).toMatch(/File exists[\s\S]*Command failed -:1\n/);
    expect(said[2]).toBe('');
    await program.stop();
    expect(program.usable).toBe(false);
  });

  test('that cannot enter its namespace says so, also when asked again', async () => {
    const program = start('xnet-none');
    expect(await program.run(['link show'])).toMatch(/Cannot open network namespace/);
    expect(program.usable).toBe(false);
    expect(await program.run(['link show'])).not.toBe('');
  });
});

describe('batches over standing programs', () => {
  test('are not misled by an interface of the same name as an earlier one', async () => {
    await using netns = await Netns.create('standing');
    const iproute2 = new Iproute2(undefined);
    for (let round = 0; round < 3; round += 1) {
      await iproute2.batch('ip', netns.name, ['link add d0 type bridge', 'link set d0 up']);
      await netns.ip('link del d0');
      await netns.ip('link add d0 type bridge');
      expect(
        await iproute2.batch('ip', netns.name, ['link set d0 up', 'link del d0'], { tolerate: isAbsent }),
      ).toEqual([]);
      expect(await netns.ip('-o link')).not.toContain('d0');
    }
    await iproute2.close();
  });

  test('work in a namespace that was made anew under its name', async () => {
    await using netns = await Netns.create('standing');
    const iproute2 = new Iproute2(undefined);
    await iproute2.batch('ip', netns.name, ['link add d0 type bridge']);
    await iproute2.run(['netns', 'del', netns.name]);
    await iproute2.run(['netns', 'add', netns.name]);
    expect(
      await iproute2.batch('ip', netns.name, ['link add d0 type bridge'], { tolerate: isPresent }),
    ).toEqual([]);
    await iproute2.close();
  });
});
