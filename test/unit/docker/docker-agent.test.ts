import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { DockerAgent } from '../../../src/docker/docker-calls.js';

test("Docker's agent costs next to nothing to inspect, as docker-modem does at every call", () => {
  const options = { agent: new DockerAgent(), signal: new AbortController().signal };
  const shown = inspect(options, { showHidden: true, depth: null });
  expect(shown).toContain('DockerAgent');
  expect(shown.length).toBeLessThan(200);
});
