/** Work of our own that would block the event loop for long is done in several of its turns. */
import { setImmediate } from 'node:timers/promises';

const TURN_MS = 10;

/** Resolves when all else that is due has had its turn of the event loop. */
export async function nextTurn(): Promise<void> {
  await setImmediate();
}

/** Calls `work` for each, for about 10 ms in a turn. What others change meanwhile, `work` must bear. */
export async function forEachInTurns<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  let until = performance.now() + TURN_MS;
  for (const item of items) {
    work(item);
    if (performance.now() < until) continue;
    await nextTurn();
    until = performance.now() + TURN_MS;
  }
}
