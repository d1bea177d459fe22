import type { KeyedMutex } from '../../concurrency/keyed-mutex.js';
import type { Unfinished } from '../../concurrency/unfinished.js';
import type { Dataplane, NetworkSpec } from '../../dataplane/dataplane.js';
import { isXnetError, XnetError } from '../../errors.js';
import { parseMac } from '../../inet/mac-address.js';
import { Prefix } from '../../inet/prefix.js';
import { created, deleting, type EndpointRecord, joined, joining, left } from '../../model/endpoint.js';
import { modeOf, type NetworkRecord } from '../../model/network.js';
import { formatRecord } from '../../model/record.js';
import type {
  Egress,
  HostsFiles,
  JoinedEndpoint,
  Labels,
  NetworkFollower,
  Policies,
  Sandboxes,
} from '../collaborators.js';
import { hasOwnMacs, isOnSegment, refuseMac, wayOut } from '../networks/lan-plan.js';
import { checkApart, refuseReserved } from '../networks/network-plan.js';
import type { NewNetworks } from '../networks/new-networks.js';
import { EndpointRecords, type EndpointRecordsParts, poolKeyOf } from './endpoint-records.js';
import { derivedMac, spareMac } from './mac-claims.js';
import { namedError } from './named-error.js';

export interface EndpointCreation {
  readonly dockerNetworkId: string;
  readonly endpointId: string;
  /** Interface addresses such as 10.1.2.3/24, IPv4 first; as Docker gives them. */
  readonly addresses: readonly string[];
  /** What the user asked for with --mac-address. */
  readonly mac?: string | undefined;
}

export interface EndpointsParts extends EndpointRecordsParts {
  readonly dataplane: Dataplane;
  readonly follower: NetworkFollower;
  readonly policies: Policies;
  readonly labels: Labels;
  readonly sandboxes: Sandboxes;
  readonly hostsFiles: HostsFiles;
  readonly egress: Egress;
  readonly mutex: KeyedMutex;
  readonly newNetworks: NewNetworks;
  /** As `Networks.adopt`: for a Docker network that this host does not know. */
  readonly adoptNetwork: (dockerNetworkId: string) => Promise<void>;
  /** Removals that the store did not take, by endpoint. */
  readonly removals: Unfinished;
  /** The network as this host's kernel shall have it (its MTU follows the underlay). */
  readonly specOf: (record: NetworkRecord) => NetworkSpec;
  /** Throws where this host cannot encrypt. */
  readonly requireEncryption: (vni: number) => Promise<void>;
  /** Takes work that nobody waits for; its failure is logged there. */
  readonly background: (what: string, work: Promise<void>) => void;
}

/** A commit of unknown outcome can still be applied for this long. */
const UNKNOWN_MS = 30_000;

/** Endpoints of this host's containers: their record in the store and their interface in the kernel. */
export class Endpoints {
  readonly #parts: EndpointsParts;
  readonly #records: EndpointRecords;

  constructor(parts: EndpointsParts) {
    this.#parts = parts;
    this.#records = new EndpointRecords(parts);
  }

  /**
   * Records the endpoint (one commit, with its addresses) and attaches it; all or nothing. Idempotent by endpoint id.
   * When `signal` has fired by the end (Docker got an error) it is undone; while the store does not answer, later.
   * Throws NOT_FOUND, INVALID, EXISTS, IN_USE, and the store's errors. `mac`: absent where the interface has that of the host's.
   */
  async create(creation: EndpointCreation, signal: AbortSignal): Promise<{ mac?: string }> {
    const { local, newNetworks, mutex, adoptNetwork } = this.#parts;
    const { endpointId, dockerNetworkId } = creation;
    return mutex.run(endpointId, async () => {
      if (!local.findNetwork(dockerNetworkId)) await adoptNetwork(dockerNetworkId);
      await newNetworks.accepted(dockerNetworkId);
      const { mac } = await local.makeEndpoint(endpointId, dockerNetworkId, () =>
        this.#make(creation, signal),
      );
      const { record } = local.getNetwork(dockerNetworkId);
      return hasOwnMacs(modeOf(record)) ? { mac } : {};
    });
  }

  async #make(creation: EndpointCreation, signal: AbortSignal): Promise<{ mac: string }> {
    const { local } = this.#parts;
    const { record: network } = local.getNetwork(creation.dockerNetworkId);
    const endpoint = this.#newRecord(network, creation);
    const known = local.findEndpoint(endpoint.id);
    if (known)
      return { mac: sameEndpoint(known, creation.mac ? endpoint : { ...endpoint, mac: known.mac }).mac };
    if (network.protection?.encrypt) await this.#parts.requireEncryption(network.vni);
    if (isOnSegment(network.mode)) await this.#records.refuseUsed(network, endpoint);
    try {
      await this.#recordAndAttach(network, endpoint, signal);
      return { mac: endpoint.mac };
    } catch (error: unknown) {
      if (creation.mac || !isXnetError(error, 'IN_USE') || error.fields.mac !== endpoint.mac) throw error;
      // A user gave the MAC that follows from this address to another container.
      const mac = spareMac(endpoint.id);
      await this.#recordAndAttach(network, { ...endpoint, mac }, signal);
      return { mac };
    }
  }

  /**
   * The interface that libnetwork shall move into the container. When this resolves the endpoint is attached
   * and this host forwards to all others of its network, as far as policies let it. Throws NOT_FOUND, INVALID (another network's), and IN_USE when the container is in a
   * network with an overlapping subnet.
   */
  async join(dockerNetworkId: string, endpointId: string, sandboxPath: string): Promise<JoinedEndpoint> {
    const { local, dataplane, follower, policies, labels, sandboxes, hostsFiles, specOf } = this.#parts;
    const { record } = local.getNetwork(dockerNetworkId);
    const network = specOf(record);
    const endpoint = local.getEndpoint(endpointId);
    if (endpoint.dockerNetworkId !== dockerNetworkId) throw ofAnotherNetwork(endpoint, dockerNetworkId);
    checkApart(record, local.listNetworksOf(sandboxPath, endpointId));
    await this.#parts.egress.prepare(record, sandboxPath);
    local.changeEndpoint(endpointId, (each) => joining(each, sandboxPath));
    const attaching = [dataplane.ensureEndpoint(network, endpoint), follower.follow(network)] as const;
    const [attached] = await Promise.all(attaching).catch((error: unknown) => {
      throw this.#named(error);
    });
    await policies.applied(record.id);
    local.changeEndpoint(endpointId, joined);
    // Waited for in `complete`; Docker has work of its own until then.
    sandboxes.enter(endpoint, sandboxPath);
    hostsFiles.enter(endpointId, sandboxPath);
    labels.publishSoon(endpointId);
    return { ...attached, ...wayOut(modeOf(record)) };
  }

  /**
   * Docker has finished the sandbox, and nothing has run in it yet (Docker 28 and later): resolves when the container
   * finds the names of its networks, and itself. Never fails.
   */
  async complete(endpointId: string): Promise<void> {
    const { local, sandboxes, hostsFiles, labels, egress } = this.#parts;
    const { addresses = [], networkId = '' } = local.findEndpoint(endpointId) ?? {};
    const named = hostsFiles.correct(endpointId, addresses);
    const closed = egress.close(networkId, endpointId);
    labels.publishSoon(endpointId);
    await Promise.all([closed, sandboxes.ready(endpointId), named]);
  }

  /** The sandbox is done with the endpoint, though its interface is still in there. Never fails. */
  async leave(endpointId: string): Promise<void> {
    const { local, sandboxes, hostsFiles } = this.#parts;
    local.changeEndpoint(endpointId, left);
    sandboxes.leave(endpointId);
    await hostsFiles.leave(endpointId, local.findEndpoint(endpointId)?.addresses ?? []);
  }

  /**
   * Docker released the address of this endpoint without having deleted the endpoint. It does so when the creation or
   * the deletion of the endpoint failed for it: then the endpoint is removed. For a joined endpoint it is a stale
   * repetition, and nothing is done. Returns whether the endpoint was removed.
   */
  async deleteUnlessJoined(endpointId: string): Promise<boolean> {
    const { local } = this.#parts;
    if (!local.findEndpoint(endpointId)) {
      await this.#removeStray(
        endpointId,
        local.listNetworks().map(({ record }) => record.id),
      );
      return true;
    }
    if (local.isJoined(endpointId)) return false;
    await this.delete(endpointId);
    return true;
  }

  /**
   * Removes record and addresses in one commit; the interface goes after the answer, since the kernel takes
   * tens of ms for it. Idempotent: an unknown endpoint is success. When it throws (the store's errors) it is done
   * later: Docker forgets the endpoint all the same.
   */
  async delete(endpointId: string): Promise<void> {
    await this.#parts.mutex.run(endpointId, async () => {
      const endpoint = this.#parts.local.findEndpoint(endpointId);
      if (!endpoint) return;
      this.#parts.local.changeEndpoint(endpointId, deleting);
      this.#parts.sandboxes.leave(endpointId);
      await this.#parts.hostsFiles.leave(endpointId, endpoint.addresses);
      try {
        await this.#records.remove(endpoint);
      } catch (error: unknown) {
        this.#parts.removals.add(endpointId, () => this.delete(endpointId));
        throw error;
      }
      this.#parts.local.removeEndpoint(endpointId);
      this.#parts.egress.hint();
      this.#parts.background('remove endpoint', this.#detach(endpoint));
    });
  }

  /**
   * Makes an endpoint of this host known here that the store still has: for what was not read at the start. Idempotent.
   * Throws the store's errors.
   */
  async recall({ id, networkId }: Pick<EndpointRecord, 'id' | 'networkId'>): Promise<void> {
    const { mutex, local, follower, specOf, background } = this.#parts;
    await mutex.run(id, async () => {
      const network = local.findRecord(networkId);
      const endpoint = network && (await this.#records.find(id, [networkId]));
      if (!endpoint || local.findEndpoint(id)) return;
      local.recallEndpoint(endpoint);
      background('follow network', follower.follow(specOf(network)));
    });
  }

  #newRecord(network: NetworkRecord, creation: EndpointCreation): EndpointRecord {
    const addresses = creation.addresses.map((text) => Prefix.parseInterface(text).address);
    for (const address of addresses) poolKeyOf(network, address);
    refuseReserved(network, addresses);
    refuseMac(modeOf(network), creation.mac);
    const endpoint = {
      version: 1 as const,
      id: creation.endpointId,
      networkId: network.id,
      dockerNetworkId: creation.dockerNetworkId,
      hostId: this.#parts.hostId,
      addresses: addresses.map(String),
    };
    return { ...endpoint, mac: creation.mac ? parseMac(creation.mac) : derivedMac(endpoint) };
  }

  async #recordAndAttach(
    network: NetworkRecord,
    endpoint: EndpointRecord,
    signal: AbortSignal,
  ): Promise<void> {
    const { local, dataplane, follower, specOf } = this.#parts;
    const spec = specOf(network);
    const attach = () => dataplane.ensureEndpoint(spec, endpoint);
    // Side by side only when the addresses are certain: the MAC of one that is another's would draw its traffic here. The kernel
    // first: it works while this process speaks with the store.
    const attachedBeside = this.#records.isClaimed(network, endpoint) ? attach() : undefined;
    const recorded = this.#records.commit(network, endpoint);
    const attached = attachedBeside ?? recorded.then(attach);
    const done = await Promise.allSettled([recorded, attached]);
    const failure = done.find((outcome) => outcome.status === 'rejected');
    const mayBeRecorded = done[0].status === 'rejected' && isXnetError(done[0].reason, 'STORE_UNAVAILABLE');
    if (!failure && !signal.aborted) {
      local.putEndpoint(created(endpoint));
      // Join waits for this; it is mostly done by then.
      this.#parts.background('follow network', follower.follow(spec));
      return;
    }
    // Not now when the store has just not answered: Docker gets its answer within 5 s.
    const undoRecord = mayBeRecorded ? undefined : this.#records.remove(endpoint);
    const [removed] = await Promise.allSettled([undoRecord, this.#detach(endpoint)]);
    if (mayBeRecorded || removed.status === 'rejected') {
      const remove = () => this.#removeStray(endpoint.id, [network.id]);
      this.#parts.removals.add(endpoint.id, remove, UNKNOWN_MS);
    }
    if (failure) throw this.#named(failure.reason);
    throw new XnetError('TIMEOUT', `endpoint ${endpoint.id} was made too late and is undone`);
  }

  #named(error: unknown): unknown {
    return namedError(error, (networkId) => this.#parts.local.findRecord(networkId)?.name);
  }

  /** What a creation that failed has left of an endpoint in the store. */
  async #removeStray(endpointId: string, networkIds: readonly string[]): Promise<void> {
    const { mutex, local } = this.#parts;
    await mutex.run(endpointId, async () => {
      // Another creation of the endpoint has succeeded in the meantime.
      if (local.findEndpoint(endpointId)) return;
      const stray = await this.#records.find(endpointId, networkIds);
      if (stray) await this.#records.remove(stray);
    });
  }

  async #detach({ networkId, id }: EndpointRecord): Promise<void> {
    const { local, dataplane, follower } = this.#parts;
    const record = local.findRecord(networkId);
    await dataplane.removeEndpoint(networkId, id, record && modeOf(record));
    if (local.listEndpoints(networkId).length === 0) follower.unfollowLater(networkId);
  }
}

function ofAnotherNetwork({ id, dockerNetworkId }: EndpointRecord, asked: string): XnetError {
  return new XnetError('INVALID', `endpoint ${id} is in Docker network ${dockerNetworkId}, not in ${asked}`);
}

function sameEndpoint(known: EndpointRecord, asked: EndpointRecord): EndpointRecord {
  const { names: _, labels: __, ...rest } = known;
  if (formatRecord(rest) === formatRecord(asked)) return known;
  throw new XnetError(
    'EXISTS',
    `endpoint ${known.id} exists with ${known.addresses.join(', ')} ${known.mac}, not ${asked.addresses.join(', ')} ${asked.mac}`,
  );
}
