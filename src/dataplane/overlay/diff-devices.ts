/** What of a network's namespace is not as it shall be, and the lines that put it right. Pure. */
import type { Change, Steps } from '../changes.js';
import type { LocalEndpoint } from '../dataplane.js';
import { endpointNameOf, interfaceName } from '../interface-names.js';
import type { Device } from './layout.js';
import { isRight, type Link, type Settings, setLines } from './links.js';

/** `links` are what is in `namespace`; undefined: there is no such namespace, and it comes with all devices. */
export function diffDevices(
  links: readonly Link[] | undefined,
  namespace: string,
  devices: readonly Device[],
): Change[] {
  if (!links) return [{ kind: 'namespace', object: namespace, was: 'missing', ...made(devices) }];
  const there = new Map(links.map((link) => [link.ifname, link]));
  return devices.flatMap((device) => diffDevice(device, devices, there) ?? []);
}

function diffDevice(
  device: Device,
  devices: readonly Device[],
  there: ReadonlyMap<string, Link>,
): Change | undefined {
  const { kind, name: object, settings } = device;
  const link = there.get(object);
  if (!link) {
    // What was its port is one again with it, and is no change of its own.
    const ports = devices.filter(({ name, settings: { master } }) => master === object && there.has(name));
    return { kind, object, was: 'missing', ...made([device], ports) };
  }
  const was = 'altered';
  const adapted = device.adapt(link);
  if (!adapted) return { kind, object, was, clear: [`link del ${object}`], ...made([device]) };
  const isOff = settings.master !== undefined && !there.has(settings.master);
  const ip = [...adapted, ...(isOff || isRight(link, settings) ? [] : setLines(object, settings, link.mtu))];
  return ip.length === 0 ? undefined : { kind, object, was, ip };
}

/** The steps that make devices, and lead back existing ports of theirs. */
function made(devices: readonly Device[], ports: readonly Device[] = []): Steps {
  const set = ({ name, settings }: Device) => setLines(name, settings);
  return {
    host: devices.flatMap(({ add }) => add.host ?? []),
    ip: [...devices.flatMap((device) => [...(device.add.ip ?? []), ...set(device)]), ...ports.flatMap(set)],
  };
}

/**
 * What gives ports the network's MTU, where that has risen since they were made. No other program has altered those. One that is being
 * removed is in another group, and stays there.
 */
export function widenPorts(links: readonly Link[], settings: Settings): Change[] {
  return links
    .filter(({ group, mtu }) => group === `${settings.group}` && mtu < settings.mtu)
    .map(({ ifname, mtu }) => setPort(ifname, settings, mtu));
}

function setPort(name: string, settings: Settings, formerMtu: number): Change {
  return { kind: 'port', object: name, was: 'altered', ip: setLines(name, settings, formerMtu) };
}

export interface PortsDiff {
  /** Ports that have to be set. */
  readonly altered: readonly Change[];
  /** Endpoints that have no port at all: their containers have lost their interface with it. */
  readonly missing: readonly LocalEndpoint[];
  /** Names of endpoints that have a port, but are none of this host's. */
  readonly strangers: readonly string[];
  /** MAC -> port of the endpoints that have one. */
  readonly ports: ReadonlyMap<string, string>;
}

/** `attached`: MAC -> port, as far as known, also of endpoints that are being made, and not in `endpoints` yet. */
export function diffPorts(
  links: readonly Link[],
  settings: Settings,
  endpoints: readonly LocalEndpoint[],
  attached: ReadonlyMap<string, string>,
): PortsDiff {
  const there = new Map(links.map((link) => [link.ifname, link]));
  const wanted = endpoints.map(({ id, mac }) => [mac, interfaceName(id)] as const);
  const names = new Set(wanted.map(([, name]) => name));
  const coming = [...attached].filter(([, name]) => !names.has(name));
  const ports = [...coming, ...wanted].filter(([, name]) => there.has(name));
  const known = new Set(ports.map(([, name]) => name));
  return {
    altered: [...names].flatMap((name): Change[] => {
      const link = there.get(name);
      if (!link || isRight(link, settings)) return [];
      return [setPort(name, settings, link.mtu)];
    }),
    missing: endpoints.filter(({ id }) => !there.has(interfaceName(id))),
    strangers: [...there.keys()].flatMap((name) => (known.has(name) ? [] : (endpointNameOf(name) ?? []))),
    ports: new Map(ports),
  };
}
