/** What users, Docker and programs of root's ask for, and what Docker says of containers that anybody named. */
import { expect } from '@jest/globals';
import fc from 'fast-check';
import { visiblePath } from '../../../src/docker/container-directories.js';
import { inspectedOf, networkOf } from '../../../src/docker/docker-json.js';
import { parseEvent } from '../../../src/docker/event-stream.js';
import { hasOwnLine, planReadable, withoutReadable } from '../../../src/docker/hosts-lines.js';
import {
  checkForeign,
  parseIpamOptions,
  parseNetworkOptions,
} from '../../../src/driver/networks/network-options.js';
import { isXnetError } from '../../../src/errors.js';
import { IpAddress } from '../../../src/inet/ip-address.js';
import { Prefix } from '../../../src/inet/prefix.js';
import { parsePoolId } from '../../../src/ipam/hold.js';
import { endsConnection, messageLength, withHeaders } from '../../../src/keeper/http-length.js';
import { parseKeeperMessage, parseRequest } from '../../../src/keeper/messages.js';
import * as ipam from '../../../src/protocol/ipam-driver.js';
import * as network from '../../../src/protocol/network-driver.js';
import { parseLine, ReadContent } from '../../../src/store/known/disk/known-content.js';
import { fuzz } from '../../support/fuzz/fuzz.js';
import {
  hostileJson,
  hostileText,
  objectOf,
  spoilt,
  spoiltBytes,
  spoiltText,
} from '../../support/fuzz/hostile.js';

/** Runs it; what it refuses it refuses as INVALID. */
function orInvalid<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!isXnetError(error, 'INVALID')) throw error;
    return undefined;
  }
}

const OPTION = fc.oneof(
  fc.constantFrom(
    'xnet.name',
    'xnet.id',
    'xnet.vni',
    'xnet.mode',
    'xnet.parent',
    'parent',
    'xnet.vlan',
    'macvlan_mode',
  ),
  fc.constantFrom(
    'xnet.multicast',
    'xnet.mirror',
    'com.docker.network.driver.mtu',
    'encrypted',
    'xnet.constructor',
  ),
  hostileText,
);
const VALUE = fc.oneof(
  fc.constantFrom('on', 'off', 'macvlan', 'routed', '1', '4094', 'eth0', 'bridge'),
  hostileJson,
);

fuzz(
  'options of a network are taken, or refused by name; none is passed over',
  { runs: 2_000, corpus: 'network-options', inputs: [fc.array(fc.tuple(OPTION, VALUE), { maxLength: 5 })] },
  (entries) => {
    const options = objectOf(entries) as Record<string, unknown>;
    for (const parse of [parseNetworkOptions, parseIpamOptions]) {
      const parsed = orInvalid(() => parse(options));
      if (!parsed) continue;
      orInvalid(() => checkForeign(parsed));
      const foreign = Object.keys(parsed.foreign ?? {});
      for (const key of Object.keys(options)) if (key.startsWith('xnet.')) expect(foreign).not.toContain(key);
    }
  },
);

fuzz(
  'addresses, subnets and pool ids are what they say, or are refused',
  { runs: 2_000, corpus: 'addresses', inputs: [hostileText] },
  (text) => {
    const address = orInvalid(() => IpAddress.parse(text));
    if (address) expect(`${IpAddress.parse(`${address}`)}`).toBe(`${address}`);
    const prefix = orInvalid(() => Prefix.parse(text));
    if (prefix) expect(`${Prefix.parse(`${prefix}`)}`).toBe(`${prefix}`);
    orInvalid(() => parsePoolId(text));
  },
);

const SCHEMAS = [...Object.values(ipam), ...Object.values(network)].flatMap((each) =>
  typeof each === 'object' ? [each] : [],
);
const ID = 'a'.repeat(64);
const BODIES = [
  {
    NetworkID: ID,
    Options: { 'com.docker.network.generic': { 'xnet.name': 'shop' } },
    IPv4Data: [
      {
        AddressSpace: 'xnet-local',
        Pool: '10.1.0.0/24',
        Gateway: '10.1.0.1/24',
        AuxAddresses: { a: '10.1.0.5/24' },
      },
    ],
    IPv6Data: [],
  },
  {
    NetworkID: ID,
    EndpointID: ID,
    Interface: { Address: '10.1.0.2/24', AddressIPv6: '', MacAddress: '' },
    SandboxKey: '/run/docker/netns/x',
    Options: {},
  },
  {
    AddressSpace: 'xnet-local',
    Pool: '10.1.0.0/24',
    SubPool: '',
    Options: { 'xnet.name': 'shop' },
    V6: false,
  },
  {
    PoolID: 'xnet-local~10.1.0.0/24~0123456789abcdef',
    Address: '10.1.0.2',
    Options: { RequestAddressType: 'x' },
  },
];

fuzz(
  "a call's body changes no object but the one that is read of it",
  { runs: 600, corpus: 'bodies', inputs: [spoilt(BODIES)] },
  (body) => {
    const read = JSON.parse(JSON.stringify(body));
    for (const schema of SCHEMAS) {
      const { data } = schema.safeParse(read);
      const { Options = {} } = (data ?? {}) as { Options?: object };
      // What came under `__proto__` is no option, by whatever name it is asked for.
      expect(Object.getPrototypeOf(Options)).toBe(Object.prototype);
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
  },
);

const MESSAGES = [
  'POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length:2\r\n\r\n{}',
].map((text) => Buffer.from(text));

fuzz(
  'a message of HTTP ends where it says, or is not known to end; the headers of the keeper are put into its head',
  { runs: 2_000, corpus: 'http', inputs: [spoiltBytes(MESSAGES)] },
  (bytes) => {
    const length = messageLength(bytes);
    if (length !== undefined) {
      expect(length).toBeGreaterThan(0);
      expect(typeof endsConnection(bytes)).toBe('boolean');
    }
    expect(withHeaders(bytes, 'a: b\r\n')?.length ?? bytes.length + 6).toBe(bytes.length + 6);
  },
);

const FROM_DAEMON = [
  { xnet: 1, id: 4, op: 'hold', key: 'plugin', fd: 7 },
  { xnet: 1, id: 4, op: 'relay', key: 'plugin', to: '/run/x.sock' },
  { xnet: 1, id: 4, held: [{ key: 'a', fd: 3, given: true }], keeper: { pid: 1, deaths: 0 } },
  {
    xnet: 1,
    event: 'keeper',
    keeper: { pid: 1, deaths: 2, lastDeath: 'x', refusedUpgrade: { reason: 'a', at: 'b' } },
  },
];

fuzz(
  'keeper and daemon take of each other only what they know',
  { runs: 1_000, corpus: 'keeper-messages', inputs: [spoilt(FROM_DAEMON)] },
  (message) => {
    orInvalid(() => parseRequest(message));
    orInvalid(() => parseKeeperMessage(message));
  },
);

const HOSTS = [
  '127.0.0.1\tlocalhost\n::ffff:10.1.0.2\tweb.example web\n10.1.0.3\tdb       \n',
  `::ffff:10.1.0.2\tweb\n${'x'.repeat(500)}`,
];

fuzz(
  'a hosts file, which its container may write, keeps its length where a line is put right, and its other lines where one is removed',
  {
    runs: 1_000,
    corpus: 'hosts-files',
    inputs: [spoiltText(HOSTS), fc.oneof(fc.constantFrom('web\n', 'web.example\n'), hostileText)],
  },
  (text, hostname) => {
    const content = Buffer.from(text).toString('latin1');
    for (const { offset, text: put } of planReadable(content, hostname)) {
      const replaced = content.slice(offset, offset + put.length);
      expect(replaced).toMatch(/^::ffff:\d+\.\d+\.\d+\.\d+\t[^\n]*$/);
      expect(put).not.toContain('\n');
    }
    hasOwnLine(content, hostname, '10.1.0.2');
    const rest = withoutReadable(content, () => true).split('\n');
    const lines = content.split('\n');
    expect(lines.filter((line) => !/ {7}$/.test(line)).every((line) => rest.includes(line))).toBe(true);
  },
);

const MOUNTS = [
  '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n40 36 0:52 / /var/lib/docker/over\\040lay rw - overlay overlay rw\n',
];

fuzz(
  'a directory of a container is where the mounts of the host show it, or nowhere',
  { runs: 500, corpus: 'mounts', inputs: [spoiltText(MOUNTS), hostileText] },
  (mounts, directory) => {
    expect(typeof (visiblePath(mounts, '98:0', directory) ?? '')).toBe('string');
  },
);

const CONTAINER = {
  ...{ Id: ID, Name: '/web', State: { Status: 'running', Health: { Status: 'healthy' } } },
  Config: { Hostname: 'web', Labels: { a: 'b' }, ExposedPorts: { '80/tcp': {} }, StopSignal: 'SIGTERM' },
  NetworkSettings: {
    SandboxKey: '/run/docker/netns/x',
    Networks: {
      shop: {
        NetworkID: ID,
        EndpointID: ID,
        IPAddress: '10.1.0.2',
        GlobalIPv6Address: '',
        Aliases: ['a'],
        DNSNames: ['b'],
        Links: ['db:sql'],
        GwPriority: 0,
      },
    },
  },
};
const NAMES = { fromDocker: (name: string) => name, toDocker: (name: string) => name };

fuzz(
  "names and labels of Docker's containers and networks are texts, whatever they say",
  { runs: 500, corpus: 'docker', inputs: [hostileText, hostileText, hostileText] },
  (name, key, value) => {
    const labels = objectOf([[key, value]]) as Record<string, string>;
    const [[, endpoint] = []] = Object.entries(CONTAINER.NetworkSettings.Networks);
    const inspected = inspectedOf({
      ...CONTAINER,
      ...{
        Name: name,
        Config: {
          ...CONTAINER.Config,
          Hostname: value,
          Labels: labels,
          StopSignal: key,
          ExposedPorts: objectOf([[name, {}]]),
        },
      },
      NetworkSettings: {
        ...CONTAINER.NetworkSettings,
        Networks: objectOf([[name, { ...endpoint, Links: [value], Aliases: [key] }]]),
      },
    } as never);
    expect(Object.entries(inspected.labels)).toEqual([[key, value]]);
    expect(inspected.endpoints.map((each) => each.network)).toEqual([name]);
    const made = networkOf(
      { Id: ID, Name: name, Driver: 'xnet', Labels: labels, Options: labels } as never,
      NAMES as never,
    );
    expect(Object.entries(made.labels)).toEqual([[key, value]]);
  },
);

const EVENTS = [
  {
    Type: 'network',
    Action: 'create',
    Actor: { ID, Attributes: { name: 'shop', type: 'xnet', container: ID } },
  },
  {
    Type: 'container',
    Action: 'health_status: healthy',
    Actor: { ID, Attributes: { name: 'web', signal: '15' } },
  },
];

fuzz(
  "a line of Docker's events is one, or none",
  { runs: 1_000, corpus: 'docker-events', inputs: [spoilt(EVENTS)] },
  (event) => {
    const parsed = parseEvent(JSON.stringify(event), NAMES as never);
    if (parsed && 'name' in parsed) expect(typeof parsed.name).toBe('string');
  },
);

const LINES = [
  { version: 1, store: 'etcd' },
  { key: 'hosts/a', value: '{}', revision: 3, createRevision: 2 },
  { key: 'hosts/a', createRevision: 3, removedAt: 4 },
  { prefix: 'hosts/', revision: 4 },
  { gone: 'hosts/a' },
];

fuzz(
  'lines of the state directory are taken, or are none',
  { runs: 500, corpus: 'journal-lines', inputs: [fc.array(spoilt(LINES), { maxLength: 10 })] },
  (lines) => {
    const content = new ReadContent();
    for (const each of lines) {
      const line = parseLine(JSON.stringify(each));
      if (line) content.take(line);
    }
    for (const [key, entry] of content.entries)
      expect([typeof key, typeof entry.value]).toEqual(['string', 'string']);
  },
);
