import { expect, test } from '@jest/globals';
import { ArmedProbes } from '../../../src/host/answers/trace/armed-probes.js';

test('a probe that is armed again under its id leaves no sockets behind', () => {
  const open = new Set<string>();
  const probe = (name: string) => {
    open.add(name);
    return { seen: () => [], [Symbol.dispose]: () => void open.delete(name) };
  };
  using probes = new ArmedProbes();
  probes.add('p-from', probe('first'));
  probes.add('p-to', probe('other end'));
  probes.add('p-from', probe('second'));
  expect([...open]).toEqual(['other end', 'second']);
  probes.seen('p-from', true);
  expect([...open]).toEqual(['other end']);
});
