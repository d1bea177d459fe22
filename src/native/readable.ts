/**
 * Learning that a socket can be read, without reading it: on Node's own event loop (libuv's uv_poll, which koffi leads
 * to), so without a thread.
 */
import koffi from 'koffi';

type PollHandle = ReturnType<typeof koffi.node.poll>;

/** An error that reading does not take off must not spin. */
const ERROR_PAUSE_MS = 10;

/**
 * Calls `onReadable` once a turn of the event loop for as long as something waits in the socket. Keeps the process
 * alive until it is closed. The descriptor is open, and nothing else in this process watches its number: koffi ends
 * the process otherwise. Close this before the descriptor: the socket may be open in another process too, and the
 * kernel would go on telling of it.
 */
export class ReadableWatch {
  #poll: PollHandle | undefined;
  #turn: NodeJS.Immediate | undefined;
  #pause: NodeJS.Timeout | undefined;

  constructor(
    fd: number,
    private readonly onReadable: () => void,
  ) {
    this.#poll = koffi.node.poll(fd, this.#wake);
  }

  close(): void {
    clearImmediate(this.#turn);
    clearTimeout(this.#pause);
    this.#poll?.close();
    this.#poll = undefined;
  }

  /**
   * Not called as Node calls its own callbacks: what is thrown in here is lost, and ticks and promises are not run
   * after it. So the work is left to the next phase of the same turn of the loop, which comes before the next poll.
   */
  readonly #wake = (status: unknown): void => {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.onReadable();
    });
    // libuv has stopped: the socket has an error, which the reader takes off.
    if (status !== 0) this.#pause = setTimeout(() => this.#poll?.start(this.#wake), ERROR_PAUSE_MS);
  };
}
