import { BRIDGE, VXLAN } from './interface-names.js';

/** How long the kernel's word of a change may come after the change. Later, it is taken for somebody else's. */
const ECHO_MS = 100;

interface Work {
  /** Of iproute2's batch; undefined: anything may be done. */
  readonly lines: readonly string[] | undefined;
  endedAt?: number;
}

/** An entry of the FDB or a neighbour, by MAC or address, and a device that is gone. */
const ENTRY = new RegExp(
  String.raw`^(?:Deleted )?(?:(\S+) )?dev (?:${VXLAN}|${BRIDGE})(?: .*?\blladdr (\S+))?`,
);
const GONE_DEVICE = /^Deleted \d+: ([^\s@:]+)[@:]/;

/**
 * What this process is doing in which namespace, so that the kernel's events of it are told from those of others. It
 * is a matter of cost alone: an event too many makes for a look that finds nothing, one too few is for the sweep.
 */
export class OwnWork {
  readonly #works = new Map<string, Set<Work>>();

  async run<T>(namespace: string, work: () => Promise<T>, lines?: readonly string[]): Promise<T> {
    const works = this.#works.get(namespace) ?? new Set();
    this.#works.set(namespace, works);
    const entry: Work = { lines };
    works.add(entry);
    try {
      return await work();
    } finally {
      entry.endedAt = performance.now();
      this.#forgetOld();
    }
  }

  /**
   * `event`: what the monitor said. What names an entry or a device is own only when the work does: others may alter
   * something while a container comes or goes.
   */
  isOwn(namespace: string, event = ''): boolean {
    this.#forgetOld();
    const works = [...(this.#works.get(namespace) ?? [])];
    const subject = subjectOf(event);
    return works.some(({ lines }) => !lines || subject === undefined || lines.some(names(subject)));
  }

  #forgetOld(): void {
    const now = performance.now();
    for (const [namespace, works] of this.#works) {
      for (const work of works) if (now - (work.endedAt ?? now) > ECHO_MS) works.delete(work);
      if (works.size === 0) this.#works.delete(namespace);
    }
  }
}

function subjectOf(event: string): string | undefined {
  const [, address, mac] = ENTRY.exec(event) ?? [];
  return address ?? mac ?? GONE_DEVICE.exec(event)?.[1];
}

function names(subject: string): (line: string) => boolean {
  return (line) => line.split(' ').includes(subject);
}
