/** A cluster of three etcd members with TLS: one is lost, and then two. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import {
  type Container,
  CREATE,
  createMirroredNetwork,
  runContainer,
} from '../support/containers/containers.js';
import { expectNoProblem } from '../support/containers/networks.js';
import { LookupLoad } from '../support/dns/lookup-load.js';
import { type CallTime, callTimes, slowest } from '../support/lab/call-times.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';
import { FastPing } from '../support/traffic/flows.js';

const MEMBERS = ['etcd1', 'etcd2', 'etcd3'];
/** The longest that a call may be refused or delayed. */
const DELAYED_MS = 5000;

interface Loss {
  /** Who is lost, one after the other. */
  readonly members: readonly string[];
  lose(lab: Lab, member: string): Promise<unknown>;
  regain(lab: Lab, member: string): Promise<unknown>;
}

const LEADER = 'the leader';
const FOLLOWER = 'a follower';

const PEERS_DROPPED = 'add table ip away; add chain ip away in { type filter hook input priority 0; };';

const LOSSES: Readonly<Record<string, Loss>> = {
  killed: {
    members: [...MEMBERS, LEADER],
    lose: (lab, member) => lab.etcd('kill', member),
    regain: (lab, member) => lab.etcd('start', member),
  },
  frozen: {
    members: [FOLLOWER, LEADER],
    lose: (lab, member) => lab.etcd('freeze', member),
    regain: (lab, member) => lab.etcd('thaw', member),
  },
  'cut off from all': {
    members: [FOLLOWER, LEADER],
    lose: (lab, member) => lab.run(['partition', member, '--silent']),
    regain: (lab, member) => lab.run(['heal', member]),
  },
  'cut off from the other members alone': {
    members: [FOLLOWER, LEADER],
    async lose(lab, member) {
      const others = await Promise.all(
        MEMBERS.filter((other) => other !== member).map((other) => lab.ip(other)),
      );
      const rule = `add rule ip away in ip saddr { ${others.join(', ')} } drop`;
      await lab.in(member, 'nft', `${PEERS_DROPPED} ${rule}`);
    },
    regain: (lab, member) => lab.in(member, 'nft', 'delete table ip away'),
  },
};

async function findLeader(lab: Lab): Promise<string> {
  for (const member of MEMBERS) {
    const [line = ''] = (await lab.etcd('ctl', member, 'endpoint', 'status')).split('\n');
    if (line.split(', ')[4] === 'true') return member;
  }
  throw new Error('etcd has no leader');
}

/** The members to which xnet on the host has connections, most of them first. */
async function talksTo(lab: Lab, host: string): Promise<string[]> {
  const sockets = await lab.in(host, 'ss', '-Htn', 'state', 'established', 'dport', '=', ':2379');
  const addresses = await Promise.all(MEMBERS.map((member) => lab.ip(member)));
  return MEMBERS.filter((_, index) => sockets.includes(` ${addresses[index]}:`));
}

/** Of the followers one that hosts talk to, if there is one. */
function choose(next: string, leader: string, inUse: readonly string[]): string {
  if (next === LEADER) return leader;
  if (next !== FOLLOWER) return next;
  const followers = MEMBERS.filter((member) => member !== leader);
  return followers.find((member) => inUse.includes(member)) ?? (followers[0] as string);
}

/** Containers come and go on both hosts, one after the other, while `action` goes on and at least twice. */
async function churnDuring(lab: Lab, peer: Container, action: () => Promise<void>): Promise<void> {
  let acting = true;
  const churn = async (host: string) => {
    for (let rounds = 0; acting || rounds < 2; rounds += 1) {
      const container = await runContainer(lab, host, 'shop');
      expect(await container.greetOverTcp(await peer.address())).toBe(peer.name);
      await lab.docker(host, 'rm', '-f', container.name);
    }
  };
  const act = async () => {
    await action();
    acting = false;
  };
  await Promise.all([act(), churn('h1'), churn('h2')]);
}

/** The calls that came to any host while `action` went on. */
async function callsDuring(lab: Lab, action: () => Promise<unknown>): Promise<CallTime[]> {
  const read = () => Promise.all(lab.hosts.map((host) => callTimes(lab, host)));
  const before = await read();
  await action();
  return (await read()).flatMap((calls, index) => calls.slice(before[index]?.length));
}

async function membersAreReady(lab: Lab): Promise<void> {
  for (const member of MEMBERS) {
    const isReady = () =>
      lab.etcd('ctl', member, '--command-timeout', '1s', 'get', 'ready').then(
        () => true,
        () => false,
      );
    await eventually(`${member} answers`, isReady, 30_000);
  }
}

describeInLab('etcd members', { hosts: 2, etcd: 3, etcdTls: true }, (test) => {
  test('that are named by addresses, with TLS: nothing but log lines is written', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    for (const host of lab.hosts) {
      const lines = (await lab.run(['logs', host, 'xnet'])).split('\n').filter(Boolean);
      expect(lines.filter((line) => !line.startsWith('{'))).toEqual([]);
    }
  });

  for (const [how, { members, lose, regain }] of Object.entries(LOSSES)) {
    test(
      `any one member is ${how}: containers start, no call waits longer than 5 s, names stay right`,
      async (lab) => {
        await createMirroredNetwork(lab, 'shop');
        const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
        const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
        const lookups = await LookupLoad.start([one, two], ['one', 'two'], 20);
        for (const next of members) {
          const leader = await findLeader(lab);
          const talking = await Promise.all(lab.hosts.map((host) => talksTo(lab, host)));
          const member = choose(next, leader, talking.flat());
          const calls = await callsDuring(lab, () =>
            churnDuring(lab, two, async () => {
              await lose(lab, member);
              await delay(8000);
              await regain(lab, member);
            }),
          );
          await membersAreReady(lab);
          console.info(
            `${member} ${how} (leader ${leader}, in use ${talking.join(' and ')}): ${calls.length} calls, the longest ${slowest(calls)} ms`,
          );
          expectInTime(slowest(calls), DELAYED_MS);
        }
        const { failures, asked, slowestMs } = await lookups.stop();
        console.info(`${asked} look-ups, the longest ${slowestMs.toFixed(0)} ms`);
        expect(failures).toEqual([]);
      },
      { timeoutMs: 300_000, logsErrors: true },
    );
  }

  test(
    'two members are lost: flows and names go on, what cannot be done is refused within 5 s, and all converges afterwards',
    async (lab) => {
      await createMirroredNetwork(lab, 'shop');
      const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
      const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
      const lookups = await LookupLoad.start([one, two], ['one', 'two'], 20);
      const ping = await FastPing.start(one, await two.address());
      for (const member of ['etcd1', 'etcd2']) await lab.etcd('kill', member);
      try {
        for (let tries = 1; tries <= 3; tries += 1) {
          let refusal = '';
          const calls = await callsDuring(lab, async () => {
            refusal = await lab.docker('h1', ...CREATE, 'late').catch(String);
          });
          console.info(refusal, calls);
          expect(refusal).toMatch(/etcd .*2379.*most of its members/);
          expectInTime(
            calls.reduce((sum, { ms }) => sum + ms, 0),
            DELAYED_MS,
          );
        }
      } finally {
        for (const member of ['etcd1', 'etcd2']) await lab.etcd('start', member);
      }
      await membersAreReady(lab);
      const { lost } = await ping.stop();
      expect(lost).toBe(0);
      expect((await lookups.stop()).failures).toEqual([]);
      const three = await runContainer(lab, 'h1', 'shop', { name: 'three' });
      expect(await two.greetOverTcp(await three.address())).toBe('three');
      await eventually('two finds three', async () => (await two.dig('three')).length === 1);
      for (const host of lab.hosts) await expectNoProblem(lab, host);
    },
    { timeoutMs: 180_000, logsErrors: true },
  );
});
