import type { Answer, Parameters } from '../../admin/operations.js';
import { chooseHost } from '../../agent/hosts/known-hosts.js';
import { narrowProblem } from '../../agent/paths/narrow-path.js';
import { SMALL_BYTES } from '../../agent/paths/path.js';
import { type PingOrder, type PingResult, ping } from '../../agent/paths/ping.js';
import { type PingedWay, pingMeaning } from '../../agent/paths/ping-meaning.js';
import type { Echoes, TakeArrival } from '../../dataplane/paths.js';
import { errorMessage, XnetError } from '../../errors.js';
import type { Foundation } from '../foundation.js';
import type { Host } from '../host.js';
import { pairAnswers } from '../paths/pairs.js';
import { ownPlace } from '../paths/paths.js';

const DEFAULT_COUNT = 5;
/** As `ping` sends them: 56 bytes, and the headers of ICMP and IPv4. */
const DEFAULT_BYTES = 84;

/**
 * Packets to another host, silent ones too, through the tunnel and on the underlay at the same time. Throws NOT_FOUND and INVALID for
 * a host that there is not, and INVALID for a size that containers do not send.
 */
export async function pingHost(
  foundation: Foundation,
  { hosts, networkPeers, changes, paths, pairs }: Host,
  { host: wanted, count, size }: Parameters<'ping'>,
): Promise<Answer<'ping'>> {
  const { pathDevice, config, dataplane } = foundation;
  const { underlay } = changes;
  const known = hosts.list().map(({ host: { id, name, vtep } }) => ({ id, name, vtep }));
  const { id, name, vtep } = { vtep: '', name: '', ...chooseHost(known, wanted) };
  if (vtep === underlay.vtep)
    throw new XnetError('INVALID', `${name} is this host; give the name of another`);
  const most = dataplane.containerMtu(underlay);
  const order = { vtep, count: Number(count ?? DEFAULT_COUNT), bytes: checkedSize(size, most) };
  const needed = paths.states.get(id)?.needed ?? most;
  const tunnel = networkPeers.ids.has(id)
    ? pinged((take) => pathDevice.openTunnel(underlay.vtep, take), { ...order, needed })
    : Promise.resolve(notShared(name, needed));
  const beside = pinged((take) => pathDevice.openUnderlay(underlay.vtep, take), {
    ...order,
    needed: underlay.mtu,
  });
  const peerMtu = hosts.find(id)?.pathMtu;
  const own = ownPlace(foundation, { changes });
  const narrow = (largest: number) => narrowProblem(own, { name, vtep, largest, needed, peerMtu });
  const ways = { tunnel: await tunnel, underlay: await beside };
  const pair = pairAnswers({ pairs }).get(id);
  return {
    ...{ host: name, vtep, from: underlay.vtep, bytes: order.bytes },
    tunnel: answerOf(ways.tunnel),
    underlay: answerOf(ways.underlay),
    ...(pair && { pair }),
    meaning: pingMeaning(
      { host: name, vxlanPort: config.vxlanPort, isMeasuring: peerMtu !== undefined, narrow },
      ways,
    ),
  };
}

function checkedSize(text: string | undefined, most: number): number {
  const bytes = Number(text ?? DEFAULT_BYTES);
  if (bytes >= SMALL_BYTES && bytes <= most) return bytes;
  throw new XnetError(
    'INVALID',
    `the size ${bytes} is not from ${SMALL_BYTES} to ${most}, the bytes of the largest packet that containers on this host send`,
  );
}

function notShared(name: string, needed: number): PingedWay {
  const problem = `this host and ${name} have no overlay or routed network in common in which both have a container; start one on each`;
  return { result: undefined, needed, problem };
}

async function pinged(open: (take: TakeArrival) => Echoes, order: PingOrder): Promise<PingedWay> {
  const { needed } = order;
  try {
    return { result: await ping(open, order), needed };
  } catch (error: unknown) {
    return { result: undefined, needed, problem: errorMessage(error) };
  }
}

function answerOf({ result, needed, problem }: PingedWay): Answer<'ping'>['tunnel'] {
  if (!result) return { sent: 0, answered: 0, roundTripsMs: [], needed, problem };
  return {
    ...{ sent: result.sent, answered: result.roundTripsMs.length, needed, ...timesOf(result) },
    ...(result.largest !== undefined && { largest: result.largest }),
  };
}

function timesOf({ roundTripsMs: all }: PingResult) {
  const rounded = (ms: number) => Math.round(ms * 100) / 100;
  const roundTripsMs = all.map(rounded);
  if (all.length === 0) return { roundTripsMs };
  const averageMs = rounded(all.reduce((sum, ms) => sum + ms, 0) / all.length);
  return { roundTripsMs, minMs: Math.min(...roundTripsMs), averageMs, maxMs: Math.max(...roundTripsMs) };
}
