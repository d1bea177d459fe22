import { run } from '../programs/command.js';
import type { Netns } from './netns.js';

/** What a test has made in the kernel, and gives back in the opposite order. */
export class Owned implements AsyncDisposable {
  readonly #undo: (() => Promise<unknown>)[] = [];
  /** By a key of the test's: the ids of networks, whose namespaces must be gone in the end. */
  readonly networkIds = new Map<string, string>();

  add(undo: () => Promise<unknown>): void {
    this.#undo.push(undo);
  }

  addNetns(netns: Netns): Netns {
    this.add(() => netns[Symbol.asyncDispose]());
    return netns;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const undo of this.#undo.reverse()) await undo().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'the test could not clean up');
    const left = (await run(['ip', 'netns', 'list'])).split('\n').map((line) => line.split(' ')[0]);
    const ours = [...this.networkIds.values()].filter((id) => left.includes(`xnet-${id}`));
    if (ours.length > 0) throw new Error(`network namespaces left behind: ${ours.join(', ')}`);
  }
}
