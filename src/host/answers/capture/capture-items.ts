import type { CaptureItem } from '../../../admin/capture-answer.js';
import type { CapturePart } from '../../../agent/capture/capture-question.js';

/**
 * The parts of hosts as items of one capture. Each host numbers its points itself, and anew when it is asked again: the same
 * point has the same number here.
 */
export class CaptureItems {
  readonly #numbers = new Map<string, number>();
  /** By host id: its numbers, as numbers here. */
  readonly #ofHost = new Map<string, readonly number[]>();

  /** `ownId`: of the host that is asked. */
  constructor(private readonly ownId: string) {}

  of(
    host: { readonly id: string; readonly name: string },
    { points, packets = [], dropped = [], notes = [] }: CapturePart,
  ): CaptureItem[] {
    const described = points ? this.#describe(host, points) : [];
    const numbers = this.#ofHost.get(host.id) ?? [];
    return [
      ...described,
      ...packets.flatMap(([own, at, direction, length, bytes]): CaptureItem[] => {
        const point = numbers[own];
        return point === undefined ? [] : [{ kind: 'packet', point, at, direction, length, bytes }];
      }),
      ...dropped.flatMap(([own, count]): CaptureItem[] => {
        const point = numbers[own];
        return point === undefined ? [] : [{ kind: 'lost', point, count }];
      }),
      ...notes.map((refusal): CaptureItem => ({ kind: 'refusal', host: host.name, refusal })),
    ];
  }

  /** Those that are new. */
  #describe(
    host: { readonly id: string; readonly name: string },
    points: NonNullable<CapturePart['points']>,
  ): CaptureItem[] {
    const found: CaptureItem[] = [];
    const numbers = points.map((point) => {
      const key = JSON.stringify([host.id, point.network, point.interfaceName, point.place]);
      const known = this.#numbers.get(key);
      if (known !== undefined) return known;
      const number = this.#numbers.size;
      this.#numbers.set(key, number);
      found.push({ kind: 'point', point: number, host: host.name, here: host.id === this.ownId, ...point });
      return number;
    });
    this.#ofHost.set(host.id, numbers);
    return found;
  }
}
