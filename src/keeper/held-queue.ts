/**
 * Descriptors that outlive the daemon from the very call that says so: they lie in a queue of the kernel's, whose
 * two ends the keeper holds. HeldSockets.hold takes the keeper a moment, in which a daemon that is killed loses them.
 */
import { closeSync } from 'node:fs';
import {
  type DescriptorQueue,
  openDescriptorQueue,
  receiveDescriptor,
  sendDescriptor,
} from '../native/descriptor-queue.js';
import type { HeldSockets } from './held-sockets.js';

const ENDS = ['sender', 'receiver'] as const;
/** Entries that are no longer wanted and lie behind one that is. */
const MOST_STALE = 64;

export class HeldQueue {
  readonly #queue: DescriptorQueue;
  /** Own descriptors by name: of what is wanted. */
  readonly #wanted = new Map<string, number>();
  /** What lies in the kernel's queue. */
  readonly #order: string[] = [];

  private constructor(queue: DescriptorQueue) {
    this.#queue = queue;
  }

  /** The queue that is held under `key`, or a new one, which `hold` has held. Throws KERNEL. */
  static open(sockets: HeldSockets, key: string): HeldQueue {
    const [sender, receiver] = ENDS.map((end) => sockets.take(`${key}:${end}`));
    if (sender !== undefined && receiver !== undefined) return new HeldQueue({ sender, receiver });
    for (const fd of [sender, receiver]) if (fd !== undefined) closeSync(fd);
    return new HeldQueue(openDescriptorQueue());
  }

  /** From when this resolves, what is in the queue outlives this process. */
  async hold(sockets: HeldSockets, key: string): Promise<void> {
    await Promise.all(ENDS.map((end) => sockets.hold(`${key}:${end}`, this.#queue[end])));
  }

  /** What a daemon before this one left, to be called once and first of all: the caller's to close, and still held. */
  inherit(): ReadonlyMap<string, number> {
    const inherited = new Map<string, number>();
    for (let found = receiveDescriptor(this.#queue); found; found = receiveDescriptor(this.#queue)) {
      // Twice: the daemon was killed while it moved this one.
      if (inherited.has(found.name)) closeSync(found.fd);
      else inherited.set(found.name, found.fd);
    }
    for (const [name, fd] of inherited) this.add(name, fd);
    return inherited;
  }

  /** Holds `fd` from now on. Keep it open until `remove`. */
  add(name: string, fd: number): void {
    if (!sendDescriptor(this.#queue, name, fd)) return;
    this.#order.push(name);
    this.#wanted.set(name, fd);
  }

  /** Unknown is success. */
  remove(name: string): void {
    if (!this.#wanted.delete(name)) return;
    while (this.#order.length > this.#wanted.size) {
      const first = this.#order[0] as string;
      const fd = this.#wanted.get(first);
      if (fd !== undefined && this.#order.length <= this.#wanted.size + MOST_STALE) return;
      // To the end, before it is taken from the front.
      if (fd !== undefined) this.add(first, fd);
      this.#order.shift();
      const received = receiveDescriptor(this.#queue);
      if (received) closeSync(received.fd);
    }
  }
}
