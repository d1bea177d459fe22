/** From the Engine API's JSON to domain words, and back, for every API version from 1.40 on. Pure. */
import { constants } from 'node:os';
import type Docker from 'dockerode';
import type {
  ContainerEndpoint,
  DockerContainer,
  DockerNetwork,
  DockerNetworkSpec,
  Health,
  InspectedContainer,
  InspectedEndpoint,
} from './engine.js';
import type { DriverNames } from './own-plugin.js';

/** What swarm writes on the containers of its tasks. */
export const SERVICE_LABEL = 'com.docker.swarm.service.name';

/** What dockerode's types lack. */
interface NetworkReply extends Docker.NetworkInspectInfo {
  /** Since API 1.48. */
  readonly EnableIPv4?: boolean;
}

interface ConfigReply {
  readonly StopSignal?: string;
}

interface EndpointReply extends Docker.NetworkInfo {
  readonly DriverOpts?: Readonly<Record<string, string>>;
  /** Since API 1.44; before, Aliases has the short id and the host name too. */
  readonly DNSNames?: readonly string[] | null;
  /** Since API 1.48. */
  readonly GwPriority?: number;
}

export function networkOf(reply: Docker.NetworkInspectInfo, names: DriverNames): DockerNetwork {
  const { Id, Name, Driver, EnableIPv4, EnableIPv6, Internal, Attachable } = reply as NetworkReply;
  return {
    id: Id,
    name: Name,
    scope: reply.Scope,
    driver: names.fromDocker(Driver),
    internal: Internal,
    attachable: Attachable,
    ipv4: EnableIPv4 ?? true,
    ipv6: EnableIPv6 ?? false,
    labels: reply.Labels ?? {},
    options: reply.Options ?? {},
    ipam: {
      driver: names.fromDocker(reply.IPAM?.Driver ?? 'default'),
      options: reply.IPAM?.Options ?? {},
      subnets: (reply.IPAM?.Config ?? []).map((config) => subnetOf(config as Record<string, never>)),
    },
  };
}

function subnetOf(config: {
  Subnet?: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}) {
  return {
    ...(config.Subnet && { subnet: config.Subnet }),
    ...(config.IPRange && { range: config.IPRange }),
    // Docker 20.10 gives the IPv6 gateway with the subnet's length, and takes it only without.
    ...(config.Gateway && { gateway: config.Gateway.replace(/\/\d+$/, '') }),
    ...(config.AuxiliaryAddresses && { auxiliary: config.AuxiliaryAddresses }),
  };
}

export function containerOf(reply: Docker.ContainerInfo): DockerContainer {
  return {
    id: reply.Id,
    // Names of links have a second slash.
    name: plainName(reply.Names.find((name) => name.lastIndexOf('/') === 0) ?? reply.Id),
    endpoints: Object.entries(reply.NetworkSettings?.Networks ?? {}).map(endpointOf),
    service: reply.Labels?.[SERVICE_LABEL],
    health: /\((?:health: )?(starting|healthy|unhealthy)\)$/.exec(reply.Status)?.[1] as Health | undefined,
  };
}

export function inspectedOf(reply: Docker.ContainerInspectInfo): InspectedContainer {
  const networks = Object.entries(reply.NetworkSettings?.Networks ?? {}) as [string, EndpointReply][];
  return {
    id: reply.Id,
    name: plainName(reply.Name),
    hostname: reply.Config.Hostname,
    service: reply.Config.Labels?.[SERVICE_LABEL],
    health: healthOf(reply.State),
    stopSignal: signalOf((reply.Config as ConfigReply).StopSignal),
    labels: reply.Config.Labels ?? {},
    state: reply.State.Status,
    sandboxPath: reply.NetworkSettings?.SandboxKey || undefined,
    exposedPorts: Object.keys(reply.Config.ExposedPorts ?? {}).flatMap(portOf),
    endpoints: networks.map(inspectedEndpointOf),
  };
}

function inspectedEndpointOf(entry: [string, EndpointReply]): InspectedEndpoint {
  const [, reply] = entry;
  return {
    ...endpointOf(entry),
    names: [...(reply.DNSNames ?? []), ...(reply.Aliases ?? [])],
    addresses: [reply.IPAddress, reply.GlobalIPv6Address].flatMap((address) => address || []),
    links: ((reply.Links ?? []) as string[]).map(linkOf),
    priority: reply.GwPriority ?? 0,
    gateways: [reply.Gateway, reply.IPv6Gateway].filter(Boolean).length,
  };
}

/** `NAME:ALIAS`, or `NAME` for both; of old containers `/NAME:/CONTAINER/ALIAS`. */
function linkOf(text: string): { name: string; alias: string } {
  const [name = '', alias = name] = text.split(':');
  return { name: plainName(name), alias: alias.slice(alias.lastIndexOf('/') + 1) };
}

/** `none`, or nothing, without a health check. */
function healthOf({ Health }: Docker.ContainerInspectInfo['State']): Health | undefined {
  return Health && Health.Status !== 'none' ? (Health.Status as Health) : undefined;
}

/** `SIGTERM`, `term`, `15` or `SIGRTMIN+3`: what `docker run --stop-signal` takes. */
function signalOf(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const name = `SIG${text.toUpperCase().replace(/^SIG/, '')}`;
  const realTime = /^SIGRTMIN\+(\d+)$/.exec(name)?.[1];
  if (realTime !== undefined) return SIGRTMIN + Number(realTime);
  const numbers: Readonly<Record<string, number>> = { ...constants.signals, SIGRTMIN };
  return numbers[name] ?? Number(text);
}

/** As Docker and glibc count. */
const SIGRTMIN = 34;

function endpointOf([network, reply]: [string, EndpointReply]): ContainerEndpoint {
  return { network, networkId: reply.NetworkID, endpointId: reply.EndpointID };
}

/** `80/tcp` -> 80, tcp. */
function portOf(text: string) {
  const match = /^(\d{1,5})\/([a-z]+)$/.exec(text);
  return match?.[1] && match[2] ? [{ port: Number(match[1]), protocol: match[2] }] : [];
}

function plainName(name: string): string {
  return name.replace(/^\//, '');
}

/** The body alone: docker-modem would put all of it into the URL too. */
export function creationOf(spec: DockerNetworkSpec, names: DriverNames): Docker.NetworkCreateOptions {
  const body = {
    Name: spec.name,
    // Docker before 25 makes a second network of one name without it.
    CheckDuplicate: true,
    Driver: names.toDocker(spec.driver),
    Internal: spec.internal,
    Attachable: spec.attachable,
    ...(!spec.ipv4 && { EnableIPv4: false }),
    EnableIPv6: spec.ipv6,
    Labels: spec.labels,
    Options: spec.options,
    IPAM: {
      Driver: names.toDocker(spec.ipam.driver),
      Options: spec.ipam.options,
      Config: spec.ipam.subnets.map(({ subnet, range, gateway, auxiliary }) => ({
        ...(subnet !== undefined && { Subnet: subnet }),
        ...(range !== undefined && { IPRange: range }),
        ...(gateway !== undefined && { Gateway: gateway }),
        ...(auxiliary !== undefined && { AuxiliaryAddresses: auxiliary }),
      })),
    },
  };
  return { _query: {}, _body: body } as unknown as Docker.NetworkCreateOptions;
}

/**
 * Connects a container that does not run, with the settings that its user gave it in the network of that name. Without the
 * old network's id, for which Docker would go on looking. Without a MAC address: Docker does not give that of a container
 * that does not run (26 and 28 keep it as the one of the last run).
 */
export function connectionOf(
  containerId: string,
  endpoint: Docker.NetworkInfo,
  abortSignal: AbortSignal,
): Docker.NetworkConnectOptions {
  const { IPAMConfig, Links, Aliases, DriverOpts, GwPriority } = endpoint as EndpointReply;
  const settings = { IPAMConfig, Links, Aliases, DriverOpts, GwPriority };
  const body = { Container: containerId, EndpointConfig: settings };
  return { _query: {}, _body: body, abortSignal } as unknown as Docker.NetworkConnectOptions;
}
