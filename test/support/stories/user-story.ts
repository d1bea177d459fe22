/**
 * What a user does with xnet, in chapters: each tells `docker` which features it saw at work. They need two hosts, with
 * whatever version of Docker.
 */
import { expect } from '@jest/globals';
import { bringUp, compose, composeFile, expectReached, XNET_NETWORK } from '../containers/compose.js';
import { type Container, createPlainNetwork, GREETING_PORT, runContainer } from '../containers/containers.js';
import {
  createEverywhere,
  describeNetwork,
  expectEverywhere,
  expectTraffic,
} from '../containers/networks.js';
import { findSandbox } from '../dns/lookup-load.js';
import type { CompatibilityColumn } from '../lab/compatibility.js';
import type { Lab } from '../lab/lab.js';
import { CommandError } from '../programs/command.js';
import { eventually } from '../time/eventually.js';
import { SteadyPing } from '../traffic/steady-ping.js';

export type Chapter = (lab: Lab, docker: CompatibilityColumn) => Promise<void>;

const PING_MS = 20;

export const USER_STORY: Readonly<Record<string, Chapter>> = {
  'a network is made once, its containers find each other on all hosts, and removed once it is gone':
    tellNetwork,
  'networks of IPv6, without a way out, and with addresses of Docker': tellKindsOfNetworks,
  'Compose brings up one file on two hosts': tellCompose,
  'dockerd restarts': tellDockerdRestarts,
};

async function tellNetwork(lab: Lab, docker: CompatibilityColumn): Promise<void> {
  const subnet = ['--subnet', '10.40.0.0/24', '--ip-range', '10.40.0.64/26'];
  const taken = ['--gateway', '10.40.0.65', '--aux-address', 'router=10.40.0.66'];
  await createEverywhere(lab, 'h1', 'shop', ...subnet, ...taken, '--label', 'a=b');
  expect(await describeNetwork(lab, 'h2', 'shop')).toEqual(await describeNetwork(lab, 'h1', 'shop'));
  docker.saw('`docker network create -d xnet` once: the network is on all hosts');

  const publish = ['-p', `8080:${GREETING_PORT}`];
  const web = await runContainer(lab, 'h1', 'shop', {
    name: 'web',
    options: ['--ip', '10.40.0.9', '--network-alias', 'www', ...publish],
  });
  const db = await runContainer(lab, 'h2', 'shop', {
    name: 'db',
    options: ['--network-alias', 'pg', '--hostname', 'store', ...publish],
  });
  expect(await web.address()).toBe('10.40.0.9');
  const last = Number((await db.address()).split('.').at(-1));
  expect(last & ~63).toBe(64);
  expect([65, 66]).not.toContain(last);
  docker.saw('`--subnet`, `--ip-range`, `--gateway`, `--aux-address`, `docker run --ip`');

  for (const [from, to] of bothWays(web, db)) {
    const address = await to.address();
    expect(await from.reaches(address)).toBe(true);
    expect(await from.greetOverTcp(address)).toBe(to.name);
    expect(await from.greetOverUdp(address)).toBe(to.name);
  }
  docker.saw('ping, TCP and UDP from host to host');
  await expectNames(web, 'db', 'db.shop', 'pg', 'store');
  await expectNames(db, 'web', 'web.shop', 'www');
  docker.saw('names, aliases and host names of containers on other hosts');

  for (const [from, to] of bothWays(web, db)) {
    const url = `/dev/tcp/${await lab.ip(to.host)}/8080`;
    expect(await lab.in(from.host, 'timeout', '15', 'bash', '-c', `cat <${url}`)).toBe(to.name);
    const outside = ['curl', '-s', '-m', '15', 'http://outside.lab/'];
    expect(await from.exec(...outside)).toBe('hello from outside');
  }
  docker.saw('published ports, and the way out');

  await tellConnecting(lab, web, db);
  docker.saw('`docker network connect` and `disconnect`, `docker restart`');

  await Promise.all([lab.docker('h1', 'rm', '-f', 'web'), lab.docker('h2', 'rm', '-f', 'db')]);
  for (const name of ['shop', 'back']) await lab.docker('h2', 'network', 'rm', name);
  await expectEverywhere(lab, []);
  docker.saw('`docker network rm` on any host: it is gone from all');
}

async function tellConnecting(lab: Lab, web: Container, db: Container): Promise<void> {
  await createEverywhere(lab, 'h2', 'back');
  await lab.docker('h1', 'network', 'connect', 'back', 'web');
  await lab.docker('h2', 'network', 'connect', 'back', 'db');
  expect(await web.greetOverTcp(await db.address('back'))).toBe('db');
  await lab.docker('h2', 'restart', 'db');
  expect(await web.reaches(await db.address('back'))).toBe(true);
  const former = await db.address('back');
  await lab.docker('h2', 'network', 'disconnect', 'back', 'db');
  expect(await web.reaches(former)).toBe(false);
  expect(await web.reaches(await db.address('shop'))).toBe(true);
}

async function tellKindsOfNetworks(lab: Lab, docker: CompatibilityColumn): Promise<void> {
  const subnets = ['--subnet', '10.41.0.0/24', '--subnet', 'fd41::/64'];
  await createEverywhere(lab, 'h1', 'six', '--ipv6', ...subnets);
  const one = await runContainer(lab, 'h1', 'six');
  const two = await runContainer(lab, 'h2', 'six', { name: 'two', options: ['--ip6', 'fd41::77'] });
  expect(await two.address6()).toBe('fd41::77');
  expect(await one.greetOverTcp('fd41::77')).toBe('two');
  expect(await two.greetOverUdp(await one.address6())).toBe(one.name);
  docker.saw('IPv6: `--ipv6`, `docker run --ip6`');

  await createEverywhere(lab, 'h2', 'vault', '--internal');
  await expectTraffic(lab, 'vault', ['h1', 'h2']);
  const inside = await runContainer(lab, 'h1', 'vault');
  expect(await inside.reaches(await lab.outside())).toBe(false);
  docker.saw('`--internal`');

  await createPlainNetwork(lab, 'plain');
  await expectTraffic(lab, 'plain', ['h1', 'h2']);
  docker.saw("without `--ipam-driver xnet`: addresses of Docker's own IPAM");
}

async function tellCompose(lab: Lab, docker: CompatibilityColumn): Promise<void> {
  const feature = 'Docker Compose, with `driver: xnet` in its file';
  if (!(await hasCompose(lab))) {
    docker.saw(feature, "not tried: Debian's package has no `docker compose`");
    return;
  }
  const file = composeFile('web', ...XNET_NETWORK);
  await bringUp(lab, 'h1', file);
  await expectEverywhere(lab, ['app_default']);
  await bringUp(lab, 'h2', file);
  await expectReached(lab, ['h1', 'web'], ['h2', 'web']);
  await compose(lab, 'h2', 'down');
  await compose(lab, 'h1', 'down');
  await expectEverywhere(lab, []);
  docker.saw(feature);
}

async function hasCompose(lab: Lab): Promise<boolean> {
  return lab.docker('h1', 'compose', 'version').then(
    () => true,
    (error: unknown) => {
      if (error instanceof CommandError && error.message.includes("'compose' is not a docker command"))
        return false;
      throw error;
    },
  );
}

async function tellDockerdRestarts(lab: Lab, docker: CompatibilityColumn): Promise<void> {
  await createEverywhere(lab, 'h1', 'shop');
  const web = await runContainer(lab, 'h1', 'shop', { name: 'web' });
  const db = await runContainer(lab, 'h2', 'shop', { name: 'db', options: ['--restart', 'always'] });
  await lab.dockerd('h2', 'restart', '--live-restore');
  for (const [from, to] of bothWays(web, db))
    await eventually(async () => expect(await from.greetOverTcp(to.name)).toBe(to.name));
  docker.saw('a restart of dockerd: `--restart always` brings containers back');

  using ping = SteadyPing.start(await findSandbox(web), await db.address(), PING_MS);
  const fromMs = performance.now();
  await lab.dockerd('h2', 'restart', '--live-restore');
  const untilMs = performance.now();
  await eventually(() => expect(ping.heardMs).toBeGreaterThan(untilMs));
  expect(ping.lastLost(fromMs, untilMs)).toBeUndefined();
  await expectNames(db, 'web');
  docker.saw('a restart of dockerd with `--live-restore`: not a packet is lost');
}

/** Of another host's containers: known a moment after `docker run` has returned. */
async function expectNames(from: Container, ...names: string[]): Promise<void> {
  for (const name of names) await eventually(async () => expect(await from.dig(name)).toHaveLength(1));
}

function bothWays(one: Container, other: Container): [Container, Container][] {
  return [
    [one, other],
    [other, one],
  ];
}
