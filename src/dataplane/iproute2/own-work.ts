/** How long the kernel's word of a change may come after the change. Later, it is taken for somebody else's. */
const ECHO_MS = 100;

interface Work {
  /** Of iproute2's batch; undefined: anything may be done. */
  readonly lines: readonly string[] | undefined;
  endedAt?: number;
}

/**
 * A forwarding entry of the VXLAN device or a neighbour: its destination, and its MAC. The device's name says nothing:
 * the monitor looks its number up in its own namespace.
 */
const ENTRY = /^(?:Deleted )?([\da-f.:]+) dev \S+ lladdr (\S+)/;
const GONE_DEVICE = /^Deleted \d+: ([^\s@:]+)[@:]/;

/**
 * What this process is doing in which namespace, so that the kernel's events of it are kept apart from those of others. It
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
    const isNamedBy = findMention(event);
    return works.some(({ lines }) => !lines || !isNamedBy || lines.some(isNamedBy));
  }

  #forgetOld(): void {
    const now = performance.now();
    for (const [namespace, works] of this.#works) {
      for (const work of works) if (now - (work.endedAt ?? now) > ECHO_MS) works.delete(work);
      if (works.size === 0) this.#works.delete(namespace);
    }
  }
}

/** Whether a line of a batch does what the event reports; undefined for an event that names nothing. */
function findMention(event: string): ((line: string) => boolean) | undefined {
  const [, address, mac] = ENTRY.exec(event) ?? [];
  // Of a forwarding entry the address is the other host's, which many lines name.
  if (address !== undefined && mac !== undefined)
    return (line) => names(line, mac) || (line.startsWith('neigh ') && names(line, address));
  const device = GONE_DEVICE.exec(event)?.[1];
  return device === undefined ? undefined : (line) => names(line, device);
}

function names(line: string, word: string): boolean {
  return line.split(' ').includes(word);
}
