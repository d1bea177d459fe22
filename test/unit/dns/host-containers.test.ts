import { describe, expect, test } from '@jest/globals';
import dnsPacket from 'dns-packet';
import { answerQuery } from '../../../src/dns/answers/answer.js';
import { type HostContainer, HostContainers } from '../../../src/dns/answers/host-containers.js';
import { SandboxAnswers } from '../../../src/dns/sandbox/sandbox-answers.js';
import { endpoint, queryFor, UNSHUFFLED, zone } from '../../support/dns/dns-packets.js';

const STRANGER = '10.1.0.9';
const SHOP = zone(
  [
    endpoint('stranger', { addresses: [STRANGER], names: ['db'] }),
    endpoint('pg', { addresses: ['10.1.0.3'] }),
  ],
  'shop',
);
const ZOO = zone([endpoint('keeper', { addresses: ['10.2.0.5'], names: ['db'] })], 'zoo');
const ZONES = new Map([
  ['n-shop', SHOP],
  ['n-zoo', ZOO],
]);
const PATH = '/run/docker/netns/one';
const IN_SHOP = new Set(['n-shop']);
const IN_BOTH = new Set(['n-shop', 'n-zoo']);

type Endpoint = HostContainer['endpoints'][number];

function inNetwork(network: string, more: Partial<Endpoint> = {}): Endpoint {
  const networkId = network === '' ? '' : Buffer.from(network.padEnd(32)).toString('hex');
  const nothing = { names: [], addresses: [], links: [], priority: 0, gateways: 0 };
  return { network, networkId, endpointId: 'e', ...nothing, ...more };
}

function container(id: string, endpoints: Endpoint[], sandboxPath?: string): HostContainer {
  return { id, name: id, sandboxPath, exposedPorts: [], endpoints };
}

const ownDb = (...addresses: string[]) =>
  container('own-db', [inNetwork('own', { names: ['db'], addresses })], '/x');
const web = (...endpoints: Endpoint[]) => container('web', endpoints, PATH);

class Host {
  readonly containers = new HostContainers((id) => ZONES.get(id));

  constructor(...containers: HostContainer[]) {
    this.containers.connect(({ network }) => {
      const id = `n-${network}`;
      return ZONES.has(id) ? { id, internal: false } : undefined;
    });
    this.containers.list([]);
    for (const each of containers) this.containers.learn(each);
  }

  /** Addresses, or the word where there are none. */
  ask(name: string, networkIds: ReadonlySet<string> = IN_SHOP): unknown {
    const possible = this.containers.possible(PATH, networkIds);
    const answer = answerQuery(queryFor(name), 'udp', possible, UNSHUFFLED);
    return typeof answer === 'string' ? answer : addressesIn(answer);
  }

  answers(networkIds: ReadonlySet<string> = IN_SHOP): SandboxAnswers {
    const parts = {
      possible: () => this.containers.possible(PATH, networkIds),
      change: (timeoutMs: number) => this.containers.change(timeoutMs),
      zones: () => [],
      isCurrent: () => true,
      counts: { answered: 0, forwarded: 0, dropped: 0 },
      random: UNSHUFFLED,
    };
    return new SandboxAnswers(PATH, parts);
  }
}

function addressesIn(answer: Buffer): unknown {
  return (dnsPacket.decode(answer).answers ?? []).map((record) => 'data' in record && record.data);
}

describe('names of a container that Docker has named', () => {
  test('are those of the networks of its host, before those of the cluster', () => {
    const host = new Host(ownDb('172.20.0.2'), web(inNetwork('own'), inNetwork('shop')));
    expect(host.ask('db')).toEqual(['172.20.0.2']);
    expect(host.ask('db.own')).toEqual(['172.20.0.2']);
    expect(host.ask('db.shop')).toEqual([STRANGER]);
    expect(host.ask('pg')).toEqual(['10.1.0.3']);
    expect(host.ask('nobody')).toBe('forward');
  });

  test('stay taken while their container does not run, and are free when it is gone', () => {
    const host = new Host(ownDb(), web(inNetwork('own'), inNetwork('shop')));
    expect(host.ask('db')).toEqual([]);
    host.containers.forget('own-db');
    expect(host.ask('db')).toEqual([STRANGER]);
  });

  test('are those of a network of the cluster that it was put first in by --gw-priority', () => {
    const host = new Host(ownDb('172.20.0.2'), web(inNetwork('own'), inNetwork('shop', { priority: 1 })));
    expect(host.ask('db')).toEqual([STRANGER]);
  });

  test('are those of the first network of the cluster that knows them, by name and by --gw-priority', () => {
    expect(new Host(web(inNetwork('zoo'), inNetwork('shop'))).ask('db', IN_BOTH)).toEqual([STRANGER]);
    const first = inNetwork('zoo', { priority: 1 });
    expect(new Host(web(inNetwork('shop'), first)).ask('db', IN_BOTH)).toEqual(['10.2.0.5']);
  });

  test('are its links, in whichever network; one whose end is not there is nobody', () => {
    const links = [
      { name: 'pg', alias: 'db' },
      { name: 'gone', alias: 'stranger' },
    ];
    const host = new Host(ownDb('172.20.0.2'), web(inNetwork('own'), inNetwork('shop', { links })));
    expect(host.ask('db')).toEqual(['10.1.0.3']);
    expect(host.ask('DB.shop')).toEqual(['10.1.0.3']);
    expect(host.ask('stranger')).toEqual([]);
  });

  test('are not those of a network that it has left, of Docker default networks, and of networks of swarm', () => {
    const swarms = inNetwork('over', { networkId: 'abcdefghijklmnopqrstuvwxy' });
    const there = { names: ['db'], addresses: ['172.17.0.5'] };
    const others = container('other', [inNetwork('bridge', there), { ...swarms, ...there }], '/x');
    const host = new Host(others, web(inNetwork('bridge'), swarms, inNetwork('shop'), inNetwork('zoo')));
    expect(host.ask('db', new Set(['n-zoo']))).toEqual(['10.2.0.5']);
    expect(host.ask('db')).toEqual([STRANGER]);
  });

  test('are still its own while Docker puts it into another network', () => {
    const host = new Host(ownDb('172.20.0.2'), web(inNetwork('own')));
    expect(host.ask('db')).toEqual(['172.20.0.2']);
    expect(host.ask('pg')).toEqual(['10.1.0.3']);
  });
});

describe('names of a container that Docker has not named yet', () => {
  const stopped = container('web', [inNetwork('own'), inNetwork('shop')]);
  const linked = container('app', [
    inNetwork('shop', { networkId: '', links: [{ name: 'pg', alias: 'db' }] }),
  ]);

  test('are answered at once where it makes no difference which one it is', () => {
    expect(new Host().ask('db')).toEqual([STRANGER]);
    expect(new Host(container('plain', [inNetwork('shop', { networkId: '' })])).ask('db')).toEqual([
      STRANGER,
    ]);
    expect(new Host(ownDb('172.20.0.2'), stopped).ask('pg')).toEqual(['10.1.0.3']);
    expect(new Host(linked).ask('stranger')).toEqual([STRANGER]);
  });

  test('are waited with where it does, and with what Docker has not described', () => {
    expect(new Host(ownDb('172.20.0.2'), stopped).ask('db')).toBe('wait');
    expect(new Host(linked).ask('db')).toBe('wait');
    const host = new Host();
    host.containers.expect('another');
    expect(host.ask('db')).toBe('wait');
    expect(host.ask('nobody')).toBe('forward');
    host.containers.failed('another');
    expect(host.ask('db')).toEqual([STRANGER]);
  });

  test('wait from the start of the daemon until Docker has listed its containers, or cannot be asked', () => {
    const containers = new HostContainers((id) => ZONES.get(id));
    expect(containers.possible(PATH, IN_SHOP).isOpen).toBe(true);
    containers.unreachable();
    expect(containers.possible(PATH, IN_SHOP).isOpen).toBe(false);
  });

  test('are answered as soon as it is known', async () => {
    const host = new Host(ownDb('172.20.0.2'), stopped);
    const answer = host.answers().find(queryFor('db'), 'udp');
    expect(answer).toBeInstanceOf(Promise);
    host.containers.learn(web(inNetwork('own'), inNetwork('shop')));
    expect(addressesIn((await answer) as Buffer)).toEqual(['172.20.0.2']);
  });

  test('fail after two seconds rather than to be of another, or are answered where nothing speaks against it', async () => {
    const host = new Host(ownDb('172.20.0.2'), stopped);
    const open = new Host();
    open.containers.expect('another');
    const [failure, answer] = await Promise.all([
      host.answers().find(queryFor('db'), 'udp'),
      open.answers().find(queryFor('db'), 'udp'),
    ]);
    expect(dnsPacket.decode(failure as Buffer)).toMatchObject({ rcode: 'SERVFAIL' });
    expect(addressesIn(answer as Buffer)).toEqual([STRANGER]);
  });
});

describe('containers that Docker lists', () => {
  test('are to be looked at where they are new or changed; what it does not list is gone', () => {
    const host = new Host(ownDb('172.20.0.2'), web(inNetwork('own')));
    const [db, changed] = [ownDb(), container('web', [inNetwork('own', { endpointId: 'f' })])];
    const fresh = container('fresh', []);
    expect(host.containers.list([db, changed, fresh])).toEqual([changed, fresh]);
    expect(host.containers.list([changed])).toEqual([changed]);
    host.containers.learn(web(inNetwork('own'), inNetwork('shop')));
    expect(host.ask('db')).toEqual([STRANGER]);
  });
});
