/** Sends the probe of a trace, and asks the hosts where it was seen: first all look, then it is sent. */
import { randomInt, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { sleep } from '../../../concurrency/deadline.js';
import { type ProbeFlow, type ProbeSight, probeSight } from '../../../dataplane/probing.js';
import type { Part } from '../../../trace/facts.js';
import type { ProbePoint } from '../../../trace/path-parts.js';
import { pathOf } from '../../../trace/paths.js';
import type { Probe, Sight } from '../../../trace/probe-rows.js';
import { isTunnelled, type Side, type Trace } from '../../../trace/trace.js';
import { type AskParts, askHost } from './ask-host.js';
import type { Step } from './steps.js';

/** Until an answer is back, on a busy machine, too; without one they are asked again, after the kernel has repeated a SYN. */
const SOON_MS = 400;
const LATE_MS = 1_300;

/** Below are the ports that servers have, above those that the kernel gives to clients by default (ip-sysctl.rst). */
const IDS = [20_000, 32_000] as const;

const sentAnswer = z.object({ errno: z.string().optional() });

type Arm = Extract<Step, { step: 'arm' }>;

/** `peer`: where packets of the first host leave to; of a tunnel the other VTEP. */
export async function sendProbe(
  parts: AskParts,
  trace: Trace,
  vxlanPort: number,
  peer: string,
): Promise<Probe> {
  const probe = { id: randomUUID(), flow: flowOf(trace, vxlanPort), peer };
  const armed = await armAll(parts, trace, probe);
  const unsent = await send(parts, trace, probe.flow);
  await sleep(SOON_MS);
  const soon = await askAll(parts, trace, armed, { id: probe.id, isLast: false });
  const left = new Map([...armed].filter(([side]) => !isComplete(soon.get(side))));
  if (left.size === 0) return { sights: sightsOf(trace, soon), ...unsent };
  await sleep(LATE_MS);
  const late = await askAll(parts, trace, left, { id: probe.id, isLast: true });
  return { sights: sightsOf(trace, new Map([...soon, ...late])), ...unsent };
}

/** What each end has seen. */
type Seen = ReadonlyMap<Side, Part<readonly ProbeSight[]>>;

/** Whether each end looks for the packets now. */
type Armed = ReadonlyMap<Side, Part<true>>;

async function armAll(
  parts: AskParts,
  trace: Trace,
  { id, flow, peer }: { readonly id: string; readonly flow: ProbeFlow; readonly peer: string },
): Promise<Armed> {
  const { points } = pathOf(trace);
  const arm = async (side: Side): Promise<[Side, Part<true>]> => {
    if ('refusal' in side.facts) return [side, side.facts];
    const places = points.filter(({ at }) => trace[at] === side).map(({ place }) => place);
    const step: Arm = { ...armOf(side, trace, flow, peer), places, probeId: idOf(id, side, trace) };
    return [side, await askHost(parts, side.host, step, z.literal(true))];
  };
  return new Map(await Promise.all([...new Set(points.map(({ at }) => trace[at]))].map(arm)));
}

async function askAll(
  parts: AskParts,
  trace: Trace,
  armed: Armed,
  { id, isLast }: { readonly id: string; readonly isLast: boolean },
): Promise<Seen> {
  const ask = async ([side, ready]: [Side, Part<true>]): Promise<[Side, Part<ProbeSight[]>]> => {
    if ('refusal' in ready) return [side, ready];
    const step = { step: 'seen', probeId: idOf(id, side, trace), isLast } as const;
    return [side, await askHost(parts, side.host, step, z.array(probeSight))];
  };
  return new Map(await Promise.all([...armed].map(ask)));
}

/** Nothing more is to come at this end: what it has seen stays true, and it is not asked again. */
function isComplete(part: Part<readonly ProbeSight[]> | undefined): boolean {
  if (!part || 'refusal' in part) return true;
  return part.found.every(({ answers, refusal }) => answers.length > 0 || refusal !== undefined);
}

function sightsOf(trace: Trace, seen: Seen): Sight[] {
  return pathOf(trace).points.map((point) => sightOf(point, trace, seen));
}

/** Resolves to why the packet was not sent. */
async function send(
  parts: AskParts,
  { from }: Trace,
  flow: ProbeFlow,
): Promise<Pick<Probe, 'refusal' | 'errno'>> {
  if ('refusal' in from.facts) return { refusal: from.facts.refusal };
  const asked = { step: 'send', container: containerOf(from), flow } as const;
  const sent = await askHost(parts, from.host, asked, sentAnswer);
  if ('refusal' in sent) return sent;
  const { errno } = sent.found;
  return errno === undefined ? {} : { errno };
}

function flowOf(trace: Trace, vxlanPort: number): ProbeFlow {
  const { destination, protocol, port, network } = trace;
  const tunnel = network && isTunnelled(trace) && { vni: network.vni, port: vxlanPort };
  const drawn = randomInt(...IDS);
  return {
    ...{ protocol, destination, id: drawn === port ? drawn + 1 : drawn },
    ...(port !== undefined && { port }),
    ...(tunnel && { tunnel }),
  };
}

/** Both ends may be on one host. */
function idOf(probeId: string, side: Side, { from }: Trace): string {
  return `${probeId}-${side === from ? 'from' : 'to'}`;
}

function armOf(
  side: Side,
  { from, to, network, exit }: Trace,
  flow: ProbeFlow,
  peer: string,
): Omit<Arm, 'places' | 'probeId'> {
  const { endpoint } = side;
  const other = side === from ? peer : from.host.vtep;
  const isInside = network !== undefined && to.container !== undefined;
  // An ipvlan child has the MAC of the interface below it.
  const isOwnMac = network?.mode !== 'ipvlan';
  return {
    ...{ step: 'arm', flow, container: containerOf(side) },
    site: {
      ...(isInside &&
        endpoint && {
          ...(isOwnMac && { mac: endpoint.mac }),
          endpoint: { networkId: network.id, endpointId: endpoint.id },
          ...(network.mode === 'routed' && { isRouted: true }),
        }),
      ...(!to.container && exit && { endpoint: { networkId: exit.id, endpointId: exit.endpointId } }),
      ...(other !== undefined && { peer: other }),
    },
  };
}

function containerOf({ container, endpoint }: Side): Arm['container'] {
  return {
    ...(container && { containerId: container.id }),
    ...(endpoint && { endpointId: endpoint.id }),
  };
}

function sightOf({ at, place }: ProbePoint, trace: Trace, seen: Seen): Sight {
  const side = trace[at];
  const part = seen.get(side) ?? { refusal: 'it was not asked' };
  if ('refusal' in part) return { side, place, seen: part };
  const sight = part.found.find((each) => each.place === place);
  return { side, place, seen: sight ?? { refusal: 'its answer lacks this place' } };
}
