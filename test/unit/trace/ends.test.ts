/** Who is meant by what a user writes. */
import { describe, expect, test } from '@jest/globals';
import { parseEnd, traceParameters, traceText } from '../../../src/cli/looks/trace.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';
import type { HostRecord } from '../../../src/model/host.js';
import { endInDocker, findEnd, type Known } from '../../../src/trace/ends.js';
import { addressesOf, commonNetwork } from '../../../src/trace/plan.js';

function endpoint(container: string, containerId: string, network: string, address: string): EndpointRecord {
  const names = { container, containerId, network, names: [container], ports: [] };
  const fixed = { version: 1 as const, dockerNetworkId: 'd', hostId: 'id-h1', mac: '02:42' };
  return { ...fixed, id: `e-${address}`, networkId: network, addresses: [address, 'fd00::9'], names };
}

const HOST: HostRecord = {
  ...{ version: 1, id: 'abcdef01', name: 'h1', vtep: '192.0.2.1', vxlanPort: 4789, xnetVersion: '1.0.0' },
};
const KNOWN: Known = {
  endpoints: [
    endpoint('web', 'aaaa1111', 'n1', '10.1.0.2'),
    endpoint('web', 'aaaa1111', 'n2', '10.2.0.2'),
    endpoint('db', 'bbbb2222', 'n2', '10.2.0.3'),
    endpoint('twin', 'cccc3333', 'n2', '10.2.0.4'),
    endpoint('twin', 'dddd4444', 'n2', '10.2.0.5'),
  ],
  hosts: [HOST],
};

describe('an end of a trace', () => {
  test('is a container by name, by the beginning of its id, or by an address', () => {
    for (const wanted of ['web', 'aaaa', 'aaaa1111', '10.1.0.2'])
      expect(findEnd(wanted, KNOWN)).toMatchObject({ kind: 'container', container: { id: 'aaaa1111' } });
    expect(findEnd('web', KNOWN)).toMatchObject({ isName: true, endpoints: { length: 2 } });
    expect(findEnd('aaa', KNOWN)).toBeUndefined();
  });

  test('is a host by name, id or VTEP, or outside', () => {
    for (const wanted of ['h1', 'abcd', '192.0.2.1'])
      expect(findEnd(wanted, KNOWN)).toEqual({ kind: 'host', host: HOST });
    expect(findEnd('outside', KNOWN)).toEqual({ kind: 'outside' });
    expect(findEnd('198.51.100.7', KNOWN)).toEqual({ kind: 'outside', address: '198.51.100.7' });
  });

  test('is found by an address of IPv6 however it is written', () => {
    const [web] = KNOWN.endpoints;
    const known = { endpoints: web ? [web] : [], hosts: [] };
    for (const wanted of ['FD00::9', 'fd00:0:0::0009'])
      expect(findEnd(wanted, known)).toMatchObject({ kind: 'container', address: 'fd00::9' });
    expect(() => findEnd('fe80::1%eth0', known)).toThrow(/"fe80::1%eth0" is not an IP address/);
  });

  test('that several may be is refused, with their ids', () => {
    expect(() => findEnd('twin', KNOWN)).toThrow(/several .* "twin".*cccc3333, dddd4444/);
    expect(() => findEnd('fd00::9', KNOWN)).toThrow(/5 containers have the address fd00::9/);
    const two = [1, 2].map((number) => ({ id: `${number}`, name: 'x', hostId: 'abcdef01', isOfHost: true }));
    expect(endInDocker('x', two.slice(1), [HOST], [])).toEqual({ kind: 'host', host: HOST });
    expect(() => endInDocker('x', two, [HOST], [])).toThrow(
      /2 containers are called "x"; give the id of one: 1, 2/,
    );
    expect(() => endInDocker('x', [], [], ['h2: silent'])).toThrow(
      /no container and no host is called "x" \(not asked: h2: silent\)/,
    );
  });

  test('shares the network of the address that was given, or the first that both are in', () => {
    const networks = ['n1', 'n2'].map((id) => ({ id, name: id }) as never);
    const [web, db] = [findEnd('web', KNOWN), findEnd('10.2.0.3', KNOWN)];
    if (!web || !db) throw new Error('not found');
    const common = commonNetwork(web, db, networks, undefined);
    expect(common).toMatchObject({ network: { id: 'n2' }, from: { id: 'e-10.2.0.2' } });
    expect(common && addressesOf(common, '10.2.0.3')).toEqual({
      source: '10.2.0.2',
      destination: '10.2.0.3',
    });
    expect(common && addressesOf(common, 'fd00::9')).toEqual({ source: 'fd00::9', destination: 'fd00::9' });
    expect(() => commonNetwork(web, db, networks, networks[0])).toThrow(/not both in network "n1"/);
    expect(commonNetwork(web, { kind: 'outside' }, networks, undefined)).toBeUndefined();
    expect(() => commonNetwork(web, { kind: 'outside' }, networks, networks[0])).toThrow(/not both in/);
  });
});

test('the port is behind the second end', () => {
  expect(parseEnd('db')).toEqual({ end: 'db' });
  expect(parseEnd('db:080')).toEqual({ end: 'db', port: '80' });
  expect(parseEnd('fd00::3')).toEqual({ end: 'fd00::3' });
  expect(parseEnd('[fd00::3]:53')).toEqual({ end: 'fd00::3', port: '53' });
  for (const wrong of ['db:0', 'db:x', 'db:65536', 'db:'])
    expect(() => parseEnd(wrong)).toThrow(/is not a port/);
  expect(traceParameters('web', 'db:53', { isUdp: true, network: 'shop' })).toEqual({
    ...{ from: 'web', to: 'db', port: '53', protocol: 'udp', network: 'shop' },
  });
  expect(traceParameters('[fd00::2]', 'fd00::3', { isUdp: false, network: undefined })).toEqual({
    ...{ from: 'fd00::2', to: 'fd00::3' },
  });
  expect(() => traceParameters('db:80', 'web', { isUdp: false, network: undefined })).toThrow(
    'the port is that of the second end, as in xnet trace db web:80',
  );
  expect(() => traceParameters('web', 'db', { isUdp: true, network: undefined })).toThrow(
    /--udp needs a port/,
  );
});

test('is shown as a line for each hop, with the remedy below it', () => {
  const fixed = { host: 'h1', expected: 'up', found: 'down' };
  const text = traceText({
    ...{ asOf: 'store', from: 'web', to: 'db', network: 'shop', protocol: 'tcp', port: 80 },
    hops: [
      { ...fixed, hop: 'port', verdict: 'fault', remedy: 'ip link set' },
      { ...fixed, hop: 'probe: port (\u001b)', verdict: 'does not apply' },
    ],
  });
  expect(text.split('\n')).toEqual([
    'VERDICT  HOST  HOP                   EXPECTED  FOUND',
    'FAULT    h1    port                  up        down',
    '         -> ip link set',
    '-        h1    probe: port (\\u001b)  up        down',
    'web to db, TCP 80, in shop: 1 fault, 0 unknown, 0 ok',
    '',
  ]);
});
