/** Faults that stay until they are healed: how each is made good. */
import type { Lab } from '../support/lab/lab.js';
import type { Fault, Model } from './model.js';
import { hasFault, mayRefuseStart } from './model.js';
import type { Operation } from './operation.js';
import type { World } from './world.js';

interface Healing {
  readonly text: string;
  readonly perform: (world: World, fault: Fault) => Promise<unknown>;
}

/** In the order in which all are healed: dockerd, which starts containers, comes last. */
const HEALINGS: Readonly<Record<Fault['kind'], Healing>> = {
  'member frozen': { text: 'thaw', perform: ({ lab }, { subject }) => lab.etcd('thaw', subject) },
  'member down': { text: 'start', perform: ({ lab }, { subject }) => lab.etcd('start', subject) },
  parted: { text: 'heal', perform: ({ lab }, { subject }) => lab.run(['heal', subject]) },
  'xnet down': { text: 'start xnet on', perform: ({ lab }, { subject }) => lab.xnet(subject, 'start') },
  'dockerd down': { text: 'start dockerd on', perform: ({ lab }, fault) => startDockerd(lab, fault) },
};

function startDockerd(lab: Lab, { subject, liveRestore }: Fault): Promise<string> {
  return lab.dockerd(subject, 'start', ...(liveRestore ? [LIVE_RESTORE] : []));
}

const LIVE_RESTORE = '--live-restore';

export function orderFaults(faults: readonly Fault[]): Fault[] {
  const order = Object.keys(HEALINGS);
  return [...faults].sort((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind));
}

/** dockerd is not started while xnet is away: it would wait for it, 15 s for each network. */
export function canBeHealed(model: Model, { kind, subject }: Fault): boolean {
  return kind !== 'dockerd down' || !hasFault(model, subject, 'xnet down');
}

export function healFault(fault: Fault): Operation {
  const { kind, subject, liveRestore = false } = fault;
  const { text, perform } = HEALINGS[kind];
  return {
    kind: 'heal',
    text: [text, subject, ...(liveRestore ? [LIVE_RESTORE] : [])].join(' '),
    owns: [subject, 'faults'],
    apply: (model) => {
      model.faults = model.faults.filter((fault) => fault.kind !== kind || fault.subject !== subject);
      if (kind === 'dockerd down') dockerReturns(model, subject, liveRestore);
    },
    perform: async (world) => void (await perform(world, fault)),
  };
}

/**
 * What Docker does with the host's containers when it starts and did not stop in order: those that come back are started,
 * also those that were stopped; the others end, unless they were left to run.
 */
export function dockerReturns(model: Model, host: string, liveRestore = false): void {
  model.containers = model.containers.map((container) => {
    if (container.host !== host || (liveRestore && container.running)) return container;
    const running = container.comesBack;
    const isRefused = running && mayRefuseStart(model, host, container.networks);
    return { ...container, running, settled: false, doubtful: container.doubtful || isRefused };
  });
}
