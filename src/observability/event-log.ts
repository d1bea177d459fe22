/**
 * What has happened on this host: the latest 10,000 events at least, in two files of the state directory. When the first is full
 * it takes the place of the second. Guarantee: an event is on disk a second later; a crash may lose the last second. A disk that
 * is full loses events, and nothing else.
 */
import { EventEmitter, on } from 'node:events';
import { appendFile, readFile, rename } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { errorMessage } from '../errors.js';
import type { Logger } from './logger.js';

export const EVENT_KINDS = [
  ...['daemon started', 'daemon stopped'],
  ...['endpoint up', 'endpoint down', 'network created', 'network removed'],
  ...['host silent', 'host alive', 'store away', 'store back'],
  ...['path lost', 'path narrow', 'path back', 'pair direct', 'pair by tunnel'],
  ...['egress refused', 'repair', 'problem', 'problem over', 'denied'],
] as const;

export const hostEvent = z.object({
  /** ISO 8601, of this host's clock. */
  at: z.string(),
  kind: z.enum(EVENT_KINDS),
  /** For people: what it happened to. */
  what: z.string(),
  network: z.string().optional(),
  container: z.string().optional(),
});
export type HostEvent = z.infer<typeof hostEvent>;

/** Of one file. */
const MOST_EVENTS = 10_000;
const WRITE_MS = 1_000;
/** Parsed in a few ms. */
const LINES_IN_A_TURN = 500;

export class EventLog implements AsyncDisposable {
  /** Not on disk yet. */
  #pending: HostEvent[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** In the first file; undefined: not counted yet. */
  #count: number | undefined;
  readonly #noted = new EventEmitter<{ event: [HostEvent] }>().setMaxListeners(0);

  constructor(
    private readonly path: string,
    private readonly logger: Pick<Logger, 'debug'>,
  ) {}

  note(event: Omit<HostEvent, 'at'>): void {
    const noted = { at: new Date().toISOString(), ...event };
    this.#pending.push(noted);
    this.#noted.emit('event', noted);
    this.#timer ??= setTimeout(() => this.#flush(), WRITE_MS);
  }

  /** Each event from now on, until `signal` aborts. */
  async *follow(signal: AbortSignal): AsyncGenerator<HostEvent> {
    try {
      for await (const [event] of on(this.#noted, 'event', { signal })) yield event;
    } catch (error: unknown) {
      if (!signal.aborted) throw error;
    }
  }

  /** From `since` (ISO 8601) on, the earliest first. */
  async list(since: string): Promise<HostEvent[]> {
    this.#flush();
    // Between two writes: a write may put the newer file in the place of the older one.
    const reading = this.#writing.then(async () => {
      const texts = await Promise.all([readText(`${this.path}.1`), readText(this.path)]);
      return { texts, pending: this.#pending };
    });
    this.#writing = reading.then(() => undefined);
    const { texts, pending } = await reading;
    const written = await parseEvents(texts.join('\n'));
    return [...written, ...pending].filter(({ at }) => at >= since);
  }

  /** Writes what is not on disk yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#flush();
    await this.#writing;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const events = this.#pending;
    if (events.length === 0) return;
    this.#pending = [];
    try {
      // A line that an earlier run did not finish ends here.
      const begin = this.#count === undefined ? '\n' : '';
      this.#count ??= (await parseEvents(await readText(this.path))).length;
      if (this.#count >= MOST_EVENTS) {
        await rename(this.path, `${this.path}.1`).catch(ignoreAbsent);
        this.#count = 0;
      }
      const lines = events.map((event) => `${JSON.stringify(event)}\n`);
      await appendFile(this.path, begin + lines.join(''), { mode: 0o600 });
      this.#count += events.length;
    } catch (error: unknown) {
      this.logger.debug('events are lost', { count: events.length, error: errorMessage(error) });
    }
  }
}

/** Somebody has removed the file: else no event would be kept any more. */
function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** Never rejects: empty where it cannot be read. */
async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

/** Of 20,000 lines, without blocking the event loop. Lines that are cut off, or by a newer xnet, are left out. */
async function parseEvents(text: string): Promise<HostEvent[]> {
  const lines = text.split('\n');
  const events: HostEvent[] = [];
  for (let first = 0; first < lines.length; first += LINES_IN_A_TURN) {
    if (first > 0) await setImmediate();
    for (const line of lines.slice(first, first + LINES_IN_A_TURN)) events.push(...parseEvent(line));
  }
  return events;
}

function parseEvent(line: string): HostEvent[] {
  try {
    return [hostEvent.parse(JSON.parse(line))];
  } catch {
    return [];
  }
}
