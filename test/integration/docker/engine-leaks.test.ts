/** What calls to Docker leave behind in a daemon that runs for months. */
import { queryObjects } from 'node:v8';
import { expect, test } from '@jest/globals';
import { DockerodeEngine } from '../../../src/docker/dockerode-engine.js';
import { DockerStandIn, events, json } from '../../support/fake-docker/docker-stand-in.js';
import { eventually } from '../../support/time/eventually.js';

const CALLS = 200;
/** Of what is under way, not of what was. */
const FEW = CALLS / 10;
const VERSION = { 'GET /version': json({ Version: '28.0.0', ApiVersion: '1.48' }) };

/** After a garbage collection. */
const countSignals = () => Number(queryObjects(AbortSignal));

test('a call leaves no signal behind', async () => {
  await using docker = await DockerStandIn.start({ 'GET /networks': json([]) });
  const engine = new DockerodeEngine(docker.path);
  const before = countSignals();
  for (let call = 0; call < CALLS; call += 1) await engine.listNetworks();
  expect(countSignals() - before).toBeLessThan(FEW);
});

test.each([
  ['looking whether the event stream lives', 'GET /_ping', { 'GET /events': events() }],
  ['an event stream that ended', 'GET /events', { 'GET /events': json({}) }],
])('%s leaves no signal behind', async (_, call, replies) => {
  await using docker = await DockerStandIn.start({ ...VERSION, 'GET /_ping': json('OK'), ...replies });
  const timing = { heartbeatMs: 1, firstPauseMs: 1, longestPauseMs: 1 };
  const stop = new AbortController();
  const watched = readAll(new DockerodeEngine(docker.path, timing).watchEvents(stop.signal));
  await eventually(() => expect(docker.count(call)).toBeGreaterThan(FEW));
  const before = countSignals();
  await eventually(() => expect(docker.count(call)).toBeGreaterThan(CALLS + FEW), 20_000);
  expect(countSignals() - before).toBeLessThan(FEW);
  stop.abort();
  await watched;
});

async function readAll(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}
