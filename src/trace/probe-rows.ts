/** Where the packets of the probe were seen: the place at which one vanished, and in which direction. Pure. */
import type { ProbePlace, ProbeSight } from '../dataplane/probing.js';
import { SOMEWHERE } from './plan.js';
import {
  doesNotApply,
  fault,
  isTunnelled,
  type Judgement,
  ok,
  type Row,
  type Side,
  type Trace,
  unknown,
} from './trace.js';

/** What passed one place, in the order of the way there. */
export interface Sight {
  readonly side: Side;
  readonly place: ProbePlace;
  readonly seen: ProbeSight | { readonly refusal: string };
}

export interface Probe {
  /** Why nobody sent a packet. */
  readonly refusal?: string;
  /** Why the kernel did not send it, such as EPERM. */
  readonly errno?: string;
  readonly sights: readonly Sight[];
}

const EXPECTED = 'the packet passes, and its answer';
const SILENT_ROUTER = 'its router did not answer, as many do not; to be sure trace to an address outside';

const LAN_REMEDY =
  'see that the interfaces of both hosts are on one segment (switch, VLAN), and that the switch lets several MAC addresses be behind a port';

const SEGMENT_REMEDY =
  'see what lies between the two hosts: frames with addresses of containers have to pass; where they do not, the tunnel is used within 2 s (docs/segments.md)';

const ENCRYPTED_REMEDY =
  'look at the hops between these two above; if they are ok, let UDP of WireGuard (51820 by default) pass between the two hosts, both ways';

export function probeRows(trace: Trace, probe: Probe): Row[] {
  const rows = probe.sights.map((sight, at): Row => {
    const name =
      'interface' in sight.seen && sight.seen.interface !== undefined ? ` (${sight.seen.interface})` : '';
    return {
      host: sight.side.host.name,
      hop: `probe: ${sight.place}${name}`,
      ...judgeSight(trace, probe, at),
    };
  });
  return [...rows, { host: trace.from.host.name, hop: 'probe: answer', ...judgeAnswer(trace, probe) }];
}

function judgeSight(trace: Trace, { refusal, errno, sights }: Probe, at: number): Judgement {
  const { seen } = sights[at] as Sight;
  const unseen = refusalAt(sights[at] as Sight);
  if (unseen !== undefined) return unknown(EXPECTED, unseen);
  const { request, answers } = seen as ProbeSight;
  const known = sights.map(requestAt);
  const last = known.lastIndexOf(true);
  if (!request) {
    // What is on the same interface of this host, or has it, is reached without a frame on the LAN.
    if (isBesideLan(trace, sights, at))
      return doesNotApply(EXPECTED, 'it was answered without leaving this host');
    if (refusal !== undefined && last < 0) return unknown(EXPECTED, `nothing was sent: ${refusal}`);
    if (errno !== undefined && last < 0) return notSent(sights, at, errno);
    if (at < last) return ok(EXPECTED, 'not seen here, but it came further');
    const before = known.lastIndexOf(true, at);
    if (known.slice(before + 1, at).includes(false)) return doesNotApply(EXPECTED, 'it had vanished before');
    return vanished(trace, `the packet vanished ${between(sights, before, at)}`, sights, before, at);
  }
  if (answers.length > 0) return ok(EXPECTED, `the packet, and the answer: ${answers.join(', ')}`);
  if (last < sights.length - 1 && known.slice(last + 1).includes(false))
    return doesNotApply('the answer passes', 'the packet passed, and vanished behind');
  if (trace.protocol === 'udp')
    return doesNotApply('the answer passes', 'the packet passed; a UDP server need not answer');
  const answered = sights.findIndex((each, index) => index > at && answersAt(each).length > 0);
  if (answered < 0) {
    // Behind the last place where somebody looked, anything may have become of it.
    if (at < last || last < sights.length - 1)
      return doesNotApply('the answer passes', 'the packet passed; no answer was seen');
    if (isOfRouter(trace)) return doesNotApply('the answer passes', `the packet left; ${SILENT_ROUTER}`);
    const found = `the packet arrived; ${trace.to.label} did not answer`;
    return fault(
      EXPECTED,
      found,
      `look at what is said above of ${trace.to.label}: its container, own firewall, route and listener`,
    );
  }
  const nearer = sights.slice(at + 1, answered).some((sight) => requestAt(sight) !== undefined);
  if (nearer) return doesNotApply(EXPECTED, 'the packet passed; its answer had vanished before');
  return vanished(
    trace,
    `the packet passed; its answer vanished ${between(sights, answered, at)}`,
    sights,
    answered,
    at,
  );
}

function isBesideLan({ to }: Trace, sights: readonly Sight[], at: number): boolean {
  const [first] = sights;
  return sights[at]?.place === 'lan' && !to.container && first !== undefined && answersAt(first).length > 0;
}

/** No address outside was given, so that the first router was asked. */
function isOfRouter({ to, destination }: Trace): boolean {
  return to.host.id === undefined && destination === SOMEWHERE;
}

function notSent(sights: readonly Sight[], at: number, errno: string): Judgement {
  if (sights.slice(0, at).some((sight) => requestAt(sight) !== undefined))
    return doesNotApply(EXPECTED, 'it was not sent');
  return fault(EXPECTED, `the kernel did not send it: ${errno}`, refusedRemedy(errno));
}

function refusedRemedy(errno: string): string {
  return `look at what is said above of the first end: ${errno === 'EPERM' ? 'own firewall' : 'interface, route'}`;
}

function judgeAnswer(trace: Trace, { refusal, errno, sights }: Probe): Judgement {
  const { from, to, protocol, port } = trace;
  const expected = `${to.label} answers ${from.label}`;
  const [first] = sights;
  if (!first) return unknown(expected, refusal ?? 'nothing was sent');
  const answers = answersAt(first);
  if (answers.includes('refused'))
    return fault(
      expected,
      'refused',
      `start a program in ${to.label} that listens at ${protocol.toUpperCase()} ${port}`,
    );
  if (answers.length > 0) return ok(expected, answers.join(', '));
  if (errno !== undefined)
    return fault(expected, `the kernel did not send it: ${errno}`, refusedRemedy(errno));
  const unseen = refusal ?? refusalAt(first);
  if (unseen !== undefined) return unknown(expected, unseen);
  if (protocol === 'udp') return doesNotApply(expected, 'a UDP server need not answer');
  const hasLeft = sights.map(requestAt).at(-1) === true;
  if (isOfRouter(trace) && hasLeft) return doesNotApply(expected, SILENT_ROUTER);
  return fault(
    expected,
    'no answer came',
    'mend what is a FAULT above; the last place that saw the packet is where to look',
  );
}

function vanished(
  trace: Trace,
  found: string,
  sights: readonly Sight[],
  from: number,
  to: number,
): Judgement {
  const [one, other] = [sights[from], sights[to]];
  const isBetweenHosts = one && other && one.side.host.id !== other.side.host.id;
  if (isBetweenHosts) {
    if (trace.network && !isTunnelled(trace))
      return fault(EXPECTED, found, trace.network.mode === 'routed' ? SEGMENT_REMEDY : LAN_REMEDY);
    if (trace.network?.isEncrypted) return fault(EXPECTED, found, ENCRYPTED_REMEDY);
    const what = trace.network ? 'UDP of the tunnel (4789 by default)' : `${trace.protocol.toUpperCase()}`;
    const hosts = `${one.side.host.vtep ?? one.side.host.name} and ${other.side.host.vtep ?? other.side.host.name}`;
    return fault(
      EXPECTED,
      found,
      `let ${what} pass between ${hosts}: in their firewalls, and on what is between them`,
    );
  }
  if (one?.place === 'tunnel' && other?.place === 'underlay') {
    const remedy = `look at the hops between these two above; if they are ok, nobody on the link answers for ${trace.to.host.vtep}: is ${trace.to.host.name} on, and has it this address?`;
    return fault(EXPECTED, found, remedy);
  }
  return fault(EXPECTED, found, 'look at the hops between these two above');
}

function between(sights: readonly Sight[], from: number, to: number): string {
  const [one, other] = [sights[from], sights[to]].map(
    (sight) => sight && `${sight.place} on ${sight.side.host.name}`,
  );
  return one === undefined ? `before ${other}` : `between ${one} and ${other}`;
}

/** undefined: nobody looked. */
function requestAt(sight: Sight): boolean | undefined {
  return refusalAt(sight) === undefined ? (sight.seen as ProbeSight).request : undefined;
}

/** Why nobody looked. */
function refusalAt({ seen }: Sight): string | undefined {
  return 'refusal' in seen ? seen.refusal : undefined;
}

function answersAt({ seen }: Sight): readonly string[] {
  return 'answers' in seen ? seen.answers : [];
}
