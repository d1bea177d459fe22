/**
 * src/host: makes the parts of a host, each with what it needs of the others. The large objects are made nowhere else. Not in
 * here: decisions.
 *
 * A host is everything that needs the store and the underlay, made in the order of need. daemon.ts makes it in the
 * background, since Docker must be answered before the store is reachable.
 */
import { DriftRepairs } from '../agent/forwarding/drift-repairs.js';
import { type HostRemovalParts, removeHost } from '../agent/hosts/host-removal.js';
import { AddressWatch } from '../agent/local/address-watch.js';
import { OutwardWatch } from '../agent/local/outward-watch.js';
import type { Paths } from '../agent/paths/paths.js';
import { DeniedFrames } from '../agent/policies/denied-frames.js';
import { Answering, type QuestionHandlers } from '../agent/questions/answering.js';
import { Ipam } from '../ipam/ipam.js';
import type { KnownHost } from '../model/host.js';
import { RecordReader } from '../store/record-reader.js';
import { findAddressProblems } from './answers/doctor/address-findings.js';
import { findOutwardProblems } from './answers/doctor/outward-findings.js';
import { eventSources } from './answers/events.js';
import { type DockerAgents, startDockerAgents } from './docker-agents.js';
import { createDriver, type Driver } from './driver.js';
import { type Forwarding, startForwarding } from './forwarding.js';
import type { Foundation } from './foundation.js';
import { createPaths } from './paths/paths.js';
import { begin, endAll } from './started.js';

export interface Host extends Forwarding, Driver, DockerAgents, AsyncDisposable {
  readonly paths: Paths;
  readonly addressWatch: AddressWatch;
  readonly drift: DriftRepairs;
  readonly outwardWatch: OutwardWatch;
  readonly deniedFrames: DeniedFrames;
  /** As `removeHost` of agent/hosts/host-removal.ts. */
  readonly removeHost: (wanted: string) => Promise<KnownHost>;
}

/** `handlers`: of questions that other hosts ask. Rejects, with all parts disposed of, when the store or the underlay is not there, or another host has this one's place. */
export async function startHost(foundation: Foundation, handlers: QuestionHandlers): Promise<Host> {
  const started: AsyncDisposable[] = [];
  try {
    const forwarding = await startForwarding(foundation, started);
    await foundation.resolvers.adoptHeld();
    const driver = await createDriver(foundation, forwarding, started);
    const { local } = forwarding;
    const find = () => findAddressProblems({ ...forwarding, ...driver });
    const addressWatch = await begin(started, new AddressWatch({ local, find, logger: foundation.logger }));
    const drift = await begin(started, driftRepairs(foundation, forwarding, driver, addressWatch));
    const denied = await begin(started, deniedFrames(foundation, forwarding));
    forwarding.policies.onFirst = () => denied.hint();
    const watches = { addressWatch, drift, deniedFrames: denied };
    const agents = await startDockerAgents(foundation, forwarding, driver, watches, started);
    const { hostId, logger } = foundation;
    const paths = await begin(started, createPaths(foundation, forwarding));
    const outwardWatch = await begin(started, watchOutward(foundation, forwarding));
    await begin(started, forwarding.pairs);
    await begin(started, eventSources(foundation, forwarding, agents, paths));
    started.push(new Answering({ replica: forwarding.replica, hostId, handlers, logger }));
    const dispose = () => endAll(started);
    const removal = hostRemovalParts(foundation, forwarding, driver);
    const remove = (wanted: string) => removeHost(removal, wanted);
    const parts = { ...forwarding, ...driver, ...agents, ...watches, paths, outwardWatch };
    return { ...parts, removeHost: remove, [Symbol.asyncDispose]: dispose };
  } catch (error: unknown) {
    await endAll(started);
    throw error;
  }
}

function driftRepairs(
  { dataplane, resolvers, logger }: Foundation,
  { local, guard, pairs, policies, changes, repairs, encryption }: Forwarding,
  { sandboxes, egressGuard }: Driver,
  addressWatch: AddressWatch,
): DriftRepairs {
  return new DriftRepairs({
    dataplane,
    local,
    sandboxPathOf: (endpointId) => sandboxes.pathOf(endpointId),
    repairRules: (repaired, signal) => resolvers.repairRules(repaired, signal),
    suspectFilter: () => {
      guard.suspect();
      pairs.suspect();
    },
    suspectEgress: () => egressGuard.suspect(),
    suspectUnderlay: () => changes.suspect(),
    suspectEncryption: () => encryption.suspect(),
    noteAddress: (address) => addressWatch.note(address),
    repairs: {
      // A namespace that was made anew has no rules.
      note: (found, where) => {
        repairs.note(found, where);
        if (found.length > 0 && where?.network !== undefined) policies.hint(where.network);
      },
    },
    logger,
  });
}

function deniedFrames({ policyDevice: device, events, logger }: Foundation, forwarding: Forwarding) {
  const { policies, follower, local } = forwarding;
  return new DeniedFrames({
    ...{ device, events, logger },
    inForce: () => policies.inForce,
    endpointsOf: (networkId) => follower.endpointsOf(networkId),
    networkName: (networkId) => local.findRecord(networkId)?.name ?? networkId,
  });
}

function watchOutward({ dataplane: { reading }, hostId, logger }: Foundation, { hosts }: Forwarding) {
  const subnets = () => hosts.find(hostId)?.gatewaySubnets ?? [];
  return new OutwardWatch({
    settings: () => reading.readOutwardSettings(),
    find: () => findOutwardProblems(reading, subnets()),
    logger,
  });
}

function hostRemovalParts(
  { config, hostId, logger }: Foundation,
  { replica: store }: Forwarding,
  { ipam: pools }: Driver,
): HostRemovalParts {
  const { defaultPools, restSeconds } = config;
  const ipamOf: HostRemovalParts['ipamOf'] = ({ id: removedId, name: hostName }) => {
    const host = { hostId: removedId, hostName };
    return new Ipam({ store, host, records: new RecordReader(logger), defaultPools, restSeconds });
  };
  return { store, hostId, pools, ipamOf, logger };
}
