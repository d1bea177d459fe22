/** A Docker that takes calls and does not answer them, as it does while it waits for xnet itself. */
import { expect, test } from '@jest/globals';
import { TestDaemon } from '../../support/daemon/daemon.js';
import { DockerStandIn, events, json } from '../../support/fake-docker/docker-stand-in.js';
import { isAlive } from '../../support/programs/processes.js';
import { eventually } from '../../support/time/eventually.js';
import { expectInTime } from '../../support/time/in-time.js';

const CONTAINER = 'c'.repeat(64);
const STARTED = { Type: 'container', Action: 'start', Actor: { ID: CONTAINER, Attributes: { name: 'web' } } };
const REPLIES = {
  'GET /version': json({ Version: '28.0.0', ApiVersion: '1.48' }),
  'GET /_ping': json('OK'),
  'GET /events': events(STARTED),
  'GET /networks': json([]),
  'GET /containers/json': json([]),
};
/** docker_gwbridge, which is missing; and the names of the container that started. */
const UNANSWERED = ['POST /networks/create', `GET /containers/${CONTAINER}/json`];

/** Far less than the 30 s that these calls may take. */
const PROMPT_MS = 10_000;

test.each(['SIGHUP', 'SIGTERM'] as const)(
  'holds up no daemon that gets %s: Docker may be waiting for the next one',
  async (signal) => {
    await using docker = await DockerStandIn.start(REPLIES);
    await using daemon = await TestDaemon.start(['--docker-host', `unix://${docker.path}`]);
    const pid = daemon.daemonPid as number;
    await eventually(() => {
      for (const call of UNANSWERED) expect(docker.count(call)).toBe(1);
    }, 20_000);
    daemon.signal(signal);
    await eventually(() => expect(isAlive(pid)).toBe(false), PROMPT_MS);
    if (signal === 'SIGTERM') return;
    // The next daemon asks again for what was not answered.
    await eventually(() => {
      for (const call of UNANSWERED) expect(docker.count(call)).toBe(2);
    }, 20_000);
    expect(JSON.parse(daemon.status('--json').text).keeper).toMatchObject({ deaths: 0 });
  },
  90_000,
);

/** Far less than the 1500 ms for which a creation may wait for docker_gwbridge. */
const AT_ONCE_MS = 500;

test('that is not there holds up no creation of a network', async () => {
  await using daemon = await TestDaemon.start([
    '--docker-host',
    'unix:///nowhere/docker.sock',
    '--log-level',
    'debug',
  ]);
  await eventually(() => expect(daemon.status().text).toContain('networks are not mirrored'));
  await daemon.call('NetworkDriver.GwAllocCheck', { Options: {} });
  const check = (await daemon.log()).find(({ message }) => message === 'NetworkDriver.GwAllocCheck');
  expectInTime(Number(check?.ms), AT_ONCE_MS);
});
