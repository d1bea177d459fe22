/** src/host/answers/capture: `xnet capture`, on this host and through it on others. Not in here: the capturing itself. */
import { hostname } from 'node:os';
import { CAPTURE_BOUNDS, type CaptureItem, type CaptureParameters } from '../../../admin/capture-answer.js';
import { type CaptureTarget, findCaptureTarget } from '../../../admin/capture-target.js';
import { captureHandler } from '../../../agent/capture/capture-handler.js';
import {
  CAPTURE,
  CAPTURE_LIMITS,
  type CaptureQuestion,
  captureWanted,
} from '../../../agent/capture/capture-question.js';
import { HostCaptures } from '../../../agent/capture/host-captures.js';
import type { LanHere } from '../../../agent/capture/open-points.js';
import { OtherHosts } from '../../../agent/capture/other-hosts.js';
import { merge } from '../../../concurrency/merge.js';
import { hasOwnMacs, isLan } from '../../../driver/networks/lan-plan.js';
import { errorMessage, XnetError } from '../../../errors.js';
import type { Foundation } from '../../foundation.js';
import type { Host } from '../../host.js';
import { knownReader } from '../known-reader.js';
import { chooseHosts, findWantedHosts, type NamedHost } from './capture-hosts.js';
import { CaptureItems } from './capture-items.js';

/** Packets of this host wait so long for more that go with them. */
const LINGER_MS = 50;

/** What the xnet of every host takes. */
const MOST_NETWORKS = CAPTURE_LIMITS.networks;

type Items = readonly CaptureItem[];

/** `handlers`: of other hosts' questions. `stream`: as the admin API answers. `host`: undefined until it has started. */
export function captureAnswers(
  foundation: Pick<Foundation, 'hostId' | 'store' | 'dataplane'>,
  host: () => Pick<Host, 'local' | 'parentWatch' | 'sandboxes'> | undefined,
) {
  const { hostId, store, dataplane } = foundation;
  const lanOf = (networkId: string) => lanHere(host(), networkId);
  const captures = new HostCaptures({ hostId, store: knownReader(store), dataplane, lanOf });
  return {
    handlers: { [CAPTURE]: captureHandler(captures) },
    stream: (parameters: CaptureParameters, signal: AbortSignal) =>
      capture(foundation, captures, parameters, signal),
  };
}

function lanHere(
  host: Pick<Host, 'local' | 'parentWatch' | 'sandboxes'> | undefined,
  networkId: string,
): LanHere | undefined {
  const mode = host?.local.findRecord(networkId)?.mode;
  if (!host || !isLan(mode)) return undefined;
  return {
    parent: host.parentWatch.findParent(networkId)?.interface,
    sharesMac: !hasOwnMacs(mode),
    sandboxPathOf: (endpointId) => host.sandboxes.pathOf(endpointId),
  };
}

/**
 * What is captured, as it comes, until all hosts have ended, or `signal` aborts. Throws as `findCaptureTarget`, and NOT_FOUND for a
 * host in `on` that there is not.
 */
async function* capture(
  { hostId, store }: Pick<Foundation, 'hostId' | 'store'>,
  captures: HostCaptures,
  parameters: CaptureParameters,
  signal: AbortSignal,
): AsyncGenerator<Items> {
  const known = knownReader(store);
  const target = await findCaptureTarget(known, parameters.of);
  const wanted = await findWantedHosts(known, parameters.on);
  const problem = store.problem ?? `${store.description} does not answer`;
  const { isHere, others, refusals } = chooseHosts(target.hosts, wanted, hostId, problem);
  yield refusals.map((each) => ({ kind: 'refusal', ...each }));
  const question = questionOf(target, parameters, others.length);
  const items = new CaptureItems(hostId);
  const here = { id: hostId, name: hostname() };
  const there = new OtherHosts(
    store,
    hostId,
    others.map(({ id }) => id),
    question,
  );
  yield* merge<Items>(signal, [
    (ended) => (isHere ? captureHere(captures, here, question, items, ended) : none()),
    (ended) => captureThere(there, others, items, ended),
  ]);
  yield [{ kind: 'end' }];
}

function questionOf(
  { networks }: CaptureTarget,
  { program, count, seconds, snap }: CaptureParameters,
  others: number,
): CaptureQuestion {
  if (networks.length > MOST_NETWORKS)
    throw new XnetError(
      'INVALID',
      `it has containers in ${networks.length} networks, and ${MOST_NETWORKS} can be captured at most; name a network or a container`,
    );
  const bounds = CAPTURE_BOUNDS;
  return {
    networks: networks.map((network) => ({ ...network })),
    ...(program !== undefined && { filter: program.split(',').map(parseInstruction) }),
    count: count ?? bounds.count.default,
    seconds: seconds ?? bounds.seconds.default,
    snapBytes: snap ?? (others > 0 ? bounds.snap.defaultOnSeveralHosts : bounds.snap.default),
    sharedBy: Math.max(1, others),
  };
}

function parseInstruction(line: string): [code: number, jt: number, jf: number, k: number] {
  const [code = 0, jt = 0, jf = 0, k = 0] = line.split(' ').map(Number);
  return [code, jt, jf, k];
}

/** A failure here ends no other host's capture. */
async function* captureHere(
  captures: HostCaptures,
  host: NamedHost,
  question: CaptureQuestion,
  items: CaptureItems,
  signal: AbortSignal,
): AsyncGenerator<Items> {
  try {
    for await (const part of captures.run(captureWanted.parse(question), LINGER_MS, signal))
      yield items.of(host, part);
  } catch (error: unknown) {
    yield [{ kind: 'refusal', host: host.name, refusal: errorMessage(error) }];
  }
}

async function* captureThere(
  there: OtherHosts,
  hosts: readonly NamedHost[],
  items: CaptureItems,
  signal: AbortSignal,
): AsyncGenerator<Items> {
  for await (const { hostId, part, refusal } of there.capture(signal)) {
    const host = hosts.find(({ id }) => id === hostId) ?? { id: hostId, name: hostId };
    if (part) yield items.of(host, part);
    if (refusal !== undefined) yield [{ kind: 'refusal', host: host.name, refusal }];
  }
}

async function* none(): AsyncGenerator<never> {}
