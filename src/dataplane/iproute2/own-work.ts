import { setImmediate as turn } from 'node:timers/promises';

/**
 * How long the kernel's word of a change may come after this process has read what waited for it when the change was done. Later, it is
 * taken for somebody else's.
 */
const ECHO_MS = 100;

interface Work {
  /** Undefined: anything may be done. */
  readonly lines: BatchLines | undefined;
  /** What waited for this process then has been read. */
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
    const entry: Work = { lines: lines && new BatchLines(lines) };
    works.add(entry);
    try {
      return await work();
    } finally {
      void this.#end(entry);
    }
  }

  /**
   * `event`: what the monitor said. What names an entry or a device is own only when the work does: others may alter
   * something while a container comes or goes.
   */
  isOwn(namespace: string, event = ''): boolean {
    this.#forgetOld();
    const works = [...(this.#works.get(namespace) ?? [])];
    return works.some(({ lines }) => lines?.mayCause(event) ?? true);
  }

  /** A turn of the event loop may take long: what is next may start a program, and the process wait for the machine. */
  async #end(work: Work): Promise<void> {
    await turn();
    await turn();
    work.endedAt = performance.now();
    this.#forgetOld();
  }

  #forgetOld(): void {
    const now = performance.now();
    for (const [namespace, works] of this.#works) {
      for (const work of works) if (now - (work.endedAt ?? now) > ECHO_MS) works.delete(work);
      if (works.size === 0) this.#works.delete(namespace);
    }
  }
}

/** The lines of one batch. They may be thousands, with as many events: they are taken apart once, at the first event. */
class BatchLines {
  #named: Named | undefined;

  constructor(private readonly lines: readonly string[]) {}

  /** False for an event of an entry or a device that no line names. */
  mayCause(event: string): boolean {
    this.#named ??= namedIn(this.lines);
    const { words, ofNeighbours } = this.#named;
    const [, address, mac] = ENTRY.exec(event) ?? [];
    // Of a forwarding entry the address is the other host's, which many lines name.
    if (address !== undefined && mac !== undefined) return words.has(mac) || ofNeighbours.has(address);
    const device = GONE_DEVICE.exec(event)?.[1];
    return device === undefined || words.has(device);
  }
}

interface Named {
  readonly words: ReadonlySet<string>;
  /** Of lines that are of neighbours. */
  readonly ofNeighbours: ReadonlySet<string>;
}

function namedIn(lines: readonly string[]): Named {
  const [words, ofNeighbours] = [new Set<string>(), new Set<string>()];
  for (const line of lines) {
    const isOfNeighbour = line.startsWith('neigh ');
    for (const word of line.split(' ')) {
      words.add(word);
      if (isOfNeighbour) ofNeighbours.add(word);
    }
  }
  return { words, ofNeighbours };
}
