/** A packet as it is shown or written. */
export interface SeenPacket {
  /** Number of its point. */
  readonly point: number;
  /** Nanoseconds since 1970. */
  readonly atNs: bigint;
  readonly direction: 'in' | 'out';
  /** Of the whole packet. */
  readonly length: number;
  /** Its beginning, from the Ethernet header on. */
  readonly bytes: Buffer;
}

/**
 * Packets of several hosts in the order of their times. Each waits so long for earlier ones that come later; those of one that
 * comes later still stand behind.
 */
export class TimeOrder {
  #waiting: { readonly packet: SeenPacket; readonly cameMs: number }[] = [];

  /** `cameMs`: of any clock that does not go back. */
  add(packet: SeenPacket, cameMs: number): void {
    this.#waiting.push({ packet, cameMs });
  }

  /** Those that came until then, and all that are earlier than one of them. */
  take(untilMs: number): SeenPacket[] {
    // A stable sort: packets of one time stay in the order in which they came.
    this.#waiting.sort((a, b) =>
      a.packet.atNs < b.packet.atNs ? -1 : a.packet.atNs > b.packet.atNs ? 1 : 0,
    );
    const last = this.#waiting.findLastIndex(({ cameMs }) => cameMs <= untilMs);
    return this.#waiting.splice(0, last + 1).map(({ packet }) => packet);
  }
}
