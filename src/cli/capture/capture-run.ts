import type { CaptureItem, PacketItem, PointItem } from '../../admin/capture-answer.js';
import { printable, shortName } from '../../observability/layout.js';
import { nameOf, type PacketSink, type Point } from './packet-sinks.js';
import { TimeOrder } from './time-order.js';

/** A packet waits so long for earlier ones of other hosts, which come through the store, or of other points of this host. */
const WINDOW_MS = { others: 1500, here: 150 } as const;

/** One capture, from its first item to its last packet. */
export class CaptureRun {
  readonly #points = new Map<number, Point>();
  readonly #order = new TimeOrder();
  #written = 0;
  #hasRefusals = false;

  /** Writes `count` packets at most. */
  constructor(
    private readonly sink: PacketSink,
    private readonly count: number,
  ) {}

  get isFull(): boolean {
    return this.#written === this.count;
  }

  /** A host captured nothing, or not all. */
  get hasRefusals(): boolean {
    return this.#hasRefusals;
  }

  get windowMs(): number {
    const isHere = [...this.#points.values()].every(({ here }) => here);
    return isHere ? WINDOW_MS.here : WINDOW_MS.others;
  }

  async take(item: CaptureItem): Promise<void> {
    if (item.kind === 'packet') this.#addPacket(item);
    else if (item.kind === 'point') await this.#addPoint(item);
    else if (item.kind === 'refusal') this.#refuse(item.host, item.refusal);
    else if (item.kind === 'lost') this.#lose(item.point, item.count);
  }

  /** Writes the packets that have waited long enough. */
  async writeDue(): Promise<void> {
    await this.#write(performance.now() - this.windowMs);
  }

  /** Writes what is left, and the end of a file. */
  async end(): Promise<void> {
    await this.#write(Number.POSITIVE_INFINITY);
    await this.sink.end();
  }

  /** A line for people, and one for each point where packets were lost. */
  summary(): string {
    const points = [...this.#points.values()];
    const hosts = new Set(points.map(({ host }) => host)).size;
    const lost = points.filter((point) => point.lost > 0);
    return [
      `${counted(this.#written, 'packet')} at ${counted(points.length, 'point')} on ${counted(hosts, 'host')}`,
      ...lost.map(
        (point) =>
          `${nameOf(point)}: ${point.lost} more were lost: they came too fast; give --filter, or a smaller --snap`,
      ),
      '',
    ].join('\n');
  }

  #addPacket({ point, at, direction, length, bytes }: PacketItem): void {
    const packet = { point, atNs: BigInt(at), direction, length, bytes: Buffer.from(bytes, 'base64') };
    this.#order.add(packet, performance.now());
  }

  async #addPoint(item: PointItem): Promise<void> {
    const point = { ...item, lost: 0 };
    this.#points.set(item.point, point);
    await this.sink.addPoint(point);
  }

  #refuse(host: string, refusal: string): void {
    this.#hasRefusals = true;
    process.stderr.write(`${shortName(host)}: ${printable(refusal)}\n`);
  }

  #lose(number: number, count: number): void {
    const point = this.#points.get(number);
    if (point) point.lost += count;
  }

  async #write(untilMs: number): Promise<void> {
    for (const packet of this.#order.take(untilMs)) {
      const point = this.#points.get(packet.point);
      if (!point || this.isFull) continue;
      await this.sink.write(packet, point);
      this.#written += 1;
    }
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
