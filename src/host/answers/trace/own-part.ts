/** This host's part in a trace: what it is asked by the host that was asked by a person, which may be itself. */
import { withDeadline } from '../../../concurrency/deadline.js';
import type { Dataplane } from '../../../dataplane/dataplane.js';
import type { RoutedFacts, SandboxFacts } from '../../../dataplane/inspection.js';
import { askResolver } from '../../../dns/sandbox/ask-resolver.js';
import type { Engine, InspectedContainer } from '../../../docker/engine.js';
import { errorMessage, XnetError } from '../../../errors.js';
import { isCalled } from '../../../trace/ends.js';
import type { EncryptionFacts, HostFacts, LanFacts, LookRequest, Part } from '../../../trace/facts.js';
import { restartOf } from '../doctor/units.js';
import { ArmedProbes } from './armed-probes.js';
import { type InDocker, type StepOf, step } from './steps.js';

/** Of one thing that is looked at. */
const LOOK_MS = 4_000;

export interface OwnParts {
  /** Of the managed plugin that this xnet is. */
  readonly pluginId: string | undefined;
  readonly dataplane: Pick<Dataplane, 'inspection'>;
  /** undefined: the host has not started yet. */
  readonly docker: () => Pick<Engine, 'inspectContainer' | 'listContainers'> | undefined;
  /** The interface that leads to the LAN of a network of this host. */
  readonly lanOf: (networkId: string) => Promise<LanFacts>;
  readonly sandboxPathOf: (endpointId: string) => string | undefined;
  /** Why packets of routed networks go to the host as they go; undefined: it is not tested. */
  readonly wayTo: (hostId: string) => string | undefined;
  /** How packets of encrypted networks go to the host, and since when. */
  readonly encryptionTo: (hostId: string) => Promise<EncryptionFacts>;
  /** Why the rules of policies and isolation are not in force in the network; undefined: they are. */
  readonly whyNotInForce: (networkId: string) => string | undefined;
}

export class OwnPart implements Disposable {
  readonly #armed = new ArmedProbes();

  constructor(private readonly parts: OwnParts) {}

  [Symbol.dispose](): void {
    this.#armed[Symbol.dispose]();
  }

  /** As a handler of questions. */
  async *answers(parameters: unknown): AsyncGenerator<unknown> {
    yield await this.answer(parameters);
  }

  /** Throws what is shown as the reason, INVALID for what is no step. */
  async answer(parameters: unknown): Promise<unknown> {
    const { data: asked } = step.safeParse(parameters);
    if (!asked) throw new XnetError('INVALID', 'its xnet does not know this step of a trace: upgrade it');
    switch (asked.step) {
      case 'find':
        return this.#find(asked.wanted);
      case 'look':
        return this.#look(asked.look);
      case 'arm':
        return this.#arm(asked);
      case 'send':
        return {
          errno: await this.parts.dataplane.inspection.send(await this.#sandbox(asked.container), asked.flow),
        };
      case 'seen':
        return this.#armed.seen(asked.probeId, asked.isLast);
    }
  }

  async #find(wanted: string): Promise<InDocker[]> {
    const containers = await withDeadline(this.#docker().listContainers({ all: true }), LOOK_MS, 'Docker');
    return containers
      .filter(({ id, name }) => isCalled(wanted, name, id))
      .map(({ id, name, endpoints }) => ({
        id,
        name,
        isOfHost: endpoints.some(({ network }) => network === 'host'),
      }));
  }

  async #look({
    containerId,
    sandbox,
    name,
    network,
    routed,
    lan,
    underlay,
    encryption,
    policy,
    gateway,
  }: LookRequest): Promise<HostFacts> {
    const { inspection } = this.parts.dataplane;
    const inspected = containerId === undefined ? undefined : await found(() => this.#inspect(containerId));
    const path = () => {
      const known = inspected && 'found' in inspected ? inspected.found.sandboxPath : undefined;
      return this.#requirePath(known ?? this.parts.sandboxPathOf(network?.endpointId ?? ''), inspected);
    };
    const [inSandbox, looked, inNetwork, inTable, onLan, onUnderlay, inKeys] = await Promise.all([
      sandbox && found(async () => inspection.sandbox(path(), sandbox.destination, sandbox.packets)),
      name && found(async () => askResolver(path(), name.text, name.type)),
      network && found(() => inspection.network(network)),
      routed && found(() => this.#routed(routed)),
      lan && found(() => this.parts.lanOf(lan.networkId)),
      underlay && found(() => inspection.underlay(underlay.vtep, underlay.peerVtep, underlay.vni)),
      encryption && found(() => this.parts.encryptionTo(encryption.peerId)),
    ]);
    const source =
      gateway && inSandbox && 'found' in inSandbox
        ? sourceOf(inSandbox.found, gateway.destination)
        : undefined;
    const outside =
      gateway && source !== undefined
        ? await found(() => inspection.gateway(source, gateway.destination))
        : gateway && { refusal: 'the container has no address towards it' };
    return {
      xnet: { found: { restart: await restartOf(this.parts.pluginId) } },
      ...(inspected && { container: containerPart(inspected) }),
      ...(inSandbox && { sandbox: inSandbox }),
      ...(looked && { name: mutable(looked) }),
      ...(inNetwork && { network: inNetwork }),
      ...(inTable && { routed: inTable }),
      ...(onLan && { lan: onLan }),
      ...(onUnderlay && { underlay: onUnderlay }),
      ...(inKeys && { encryption: inKeys }),
      ...(policy && { policy: { found: this.#policy(policy.networkId) } }),
      ...(outside && { gateway: outside }),
    };
  }

  #policy(networkId: string): { readonly whyNot?: string } {
    const whyNot = this.parts.whyNotInForce(networkId);
    return whyNot === undefined ? {} : { whyNot };
  }

  async #routed({ peerId, ...endpoint }: NonNullable<LookRequest['routed']>): Promise<RoutedFacts> {
    const why = peerId === undefined ? undefined : this.parts.wayTo(peerId);
    return {
      ...(await this.parts.dataplane.inspection.routed(endpoint)),
      ...(why !== undefined && { why }),
    };
  }

  async #arm({ probeId, container, site, places, flow }: StepOf<'arm'>): Promise<true> {
    const sandboxPath = await this.#sandbox(container).catch(() => undefined);
    const { networkId = '' } = site.endpoint ?? {};
    const lan = places.includes('lan') ? (await this.parts.lanOf(networkId)).parent?.interface : undefined;
    const probe = await this.parts.dataplane.inspection.arm({ ...site, sandboxPath, lan }, places, flow);
    this.#armed.add(probeId, probe);
    return true;
  }

  /** undefined: the host's own namespace. */
  async #sandbox({ containerId, endpointId }: StepOf<'send'>['container']): Promise<string | undefined> {
    if (containerId === undefined && endpointId === undefined) return undefined;
    const known = endpointId === undefined ? undefined : this.parts.sandboxPathOf(endpointId);
    if (known !== undefined || containerId === undefined) return this.#requirePath(known, undefined);
    return this.#requirePath((await this.#inspect(containerId)).sandboxPath, undefined);
  }

  #requirePath(path: string | undefined, inspected: Part<unknown> | undefined): string {
    if (path !== undefined) return path;
    const reason = inspected && 'refusal' in inspected ? inspected.refusal : 'the container does not run';
    throw new XnetError('NOT_FOUND', `it has no network namespace: ${reason}`);
  }

  async #inspect(containerId: string): Promise<InspectedContainer> {
    const inspected = await withDeadline(this.#docker().inspectContainer(containerId), LOOK_MS, 'Docker');
    if (inspected) return inspected;
    throw new XnetError('NOT_FOUND', 'Docker has no such container any more');
  }

  #docker() {
    const docker = this.parts.docker();
    if (docker) return docker;
    throw new XnetError('DOCKER', 'its xnet has not started yet: see `xnet status` there');
  }
}

async function found<T>(look: () => Promise<T>): Promise<Part<T>> {
  try {
    return { found: await withDeadline(look(), LOOK_MS, 'looking') };
  } catch (error: unknown) {
    return { refusal: errorMessage(error) };
  }
}

function containerPart(inspected: Part<InspectedContainer>): NonNullable<HostFacts['container']> {
  if ('refusal' in inspected) return inspected;
  const { state, sandboxPath, endpoints } = inspected.found;
  const networks = endpoints.map(({ network }) => network);
  return { found: { state, networks, ...(sandboxPath !== undefined && { sandboxPath }) } };
}

function mutable(
  looked: Part<{ readonly addresses: readonly string[]; readonly failure?: string }>,
): NonNullable<HostFacts['name']> {
  return 'refusal' in looked
    ? looked
    : { found: { ...looked.found, addresses: [...looked.found.addresses] } };
}

/** The container's address on the interface by which the destination is reached: of its family, or else of the other. */
export function sourceOf(
  { way, interfaces }: Pick<SandboxFacts, 'way' | 'interfaces'>,
  destination: string,
): string | undefined {
  const [other] = interfaces.filter(({ addresses }) => addresses.length > 0).reverse();
  const own = interfaces.find(({ name }) => name === way.device) ?? other;
  const addresses = (own?.addresses ?? [])
    .map((each) => each.split('/')[0] ?? '')
    .filter((each) => !each.startsWith('fe80:'));
  return addresses.find((each) => each.includes(':') === destination.includes(':')) ?? addresses[0];
}
