/**
 * What it costs a packet that its source is looked at: processor time of small UDP packets from a container whose network holds it to its
 * own addresses, and from one with `xnet.spoof=allow`, to the same host and through the tunnel. Namespaces stand for hosts and
 * containers, one processor does all the work of a packet, and nobody reads what arrives: a program that does makes a packet dearer, and
 * the ratio better. Needs root; README.md says how to run it.
 */
import { closeSync } from 'node:fs';
import type { NetworkSpec } from '../../src/dataplane/dataplane.js';
import { checked, LINUX, socket } from '../../src/native/socket-libc.js';
import { inNamespace } from '../../src/native/socket-namespace.js';
import { sendDatagram } from '../../src/native/udp-datagrams.js';
import { type Container, TestUnderlay } from '../../test/support/kernel/netns-hosts.js';
import { median, pairedRatios, quantile } from '../statistics.js';

const ROUNDS = Number(process.argv[2] ?? 1_500);
/** So few that a round is over in milliseconds: what else the machine does falls on both alike. */
const PACKETS = 300;
/** Docker's ports begin above; nobody listens, and the kernel soon stops saying so. */
const PORT = 9;
const CONTENT = Buffer.alloc(64);

interface Sender extends Disposable {
  send(): void;
}

function senderOf({ netns }: Container, to: string): Sender {
  const open = () => socket(LINUX.AF_INET, LINUX.SOCK_DGRAM | LINUX.SOCK_CLOEXEC, 0);
  const fd = checked(inNamespace(`/run/netns/${netns.name}`, open), 'socket');
  const address = Buffer.from([LINUX.AF_INET, 0, 0, PORT, ...to.split('.').map(Number), ...Buffer.alloc(8)]);
  const send = () => {
    for (let sent = 0; sent < PACKETS; sent += 1) sendDatagram(fd, CONTENT, address);
  };
  return { send, [Symbol.dispose]: () => closeSync(fd) };
}

/** In nanoseconds a packet. */
function cost({ send }: Sender): number {
  const before = process.cpuUsage();
  send();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / PACKETS;
}

/** Each has gone first as often as the other. */
function compare(what: string, checkedOne: Sender, freeOne: Sender): void {
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (const each of [checkedOne, freeOne, checkedOne, freeOne]) each.send();
  for (let round = 0; round < ROUNDS; round += 1) {
    if (round % 2 === 0) ours.push(cost(checkedOne));
    theirs.push(cost(freeOne));
    if (round % 2 === 1) ours.push(cost(checkedOne));
  }
  const rates = pairedRatios(theirs, ours);
  const [low, high] = [0.25, 0.75].map((fraction) => quantile(rates, fraction).toFixed(3));
  const more = median(ours.map((each, round) => each - (theirs[round] as number)));
  console.log(
    `${what}: ${median(rates).toFixed(3)} of the packets (${low} to ${high}); ${Math.round(median(ours))} ns, ${Math.round(more)} more than ${Math.round(median(theirs))}`,
  );
}

/** A network with two containers here, and one on the other host. */
async function populate(underlay: TestUnderlay, label: string, options: Partial<NetworkSpec>) {
  const containers: Container[] = [];
  for (const [index, number] of [0, 0, 1].entries()) {
    const host = underlay.hosts[number] as (typeof underlay.hosts)[number];
    const network = underlay.network(host, label, options);
    containers.push(await underlay.container(host, network, [`10.1.0.${index + 2}/24`]));
  }
  await underlay.connect(containers);
  const [from, beside, across] = containers as [Container, Container, Container];
  for (const to of [beside, across]) await from.netns.reaches(to.addresses[0] as string);
  return { from, beside: beside.addresses[0] as string, across: across.addresses[0] as string };
}

await using underlay = await TestUnderlay.create(2);
const held = await populate(underlay, 'held', {});
const free = await populate(underlay, 'free', { spoof: 'allow' });
const alike = await populate(underlay, 'alike', { spoof: 'allow' });
for (const to of ['beside', 'across'] as const) {
  const where = to === 'beside' ? 'on one host' : 'through the tunnel';
  using ours = senderOf(held.from, held[to]);
  using theirs = senderOf(free.from, free[to]);
  using same = senderOf(alike.from, alike[to]);
  compare(`sources looked at, ${where}`, ours, theirs);
  compare(`two networks without, ${where}`, same, theirs);
}
