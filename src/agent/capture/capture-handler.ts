import { sleep } from '../../concurrency/deadline.js';
import { XnetError } from '../../errors.js';
import type { Handler } from '../questions/answering.js';
import { CAPTURE_STREAM, captureWanted } from './capture-question.js';
import type { HostCaptures } from './host-captures.js';

/** Packets wait so long for more that go with them. */
const LINGER_MS = 250;

/**
 * Answers the question of another host with packets of this one. They go through the store: so many bytes, and so fast, as the
 * share of this host is. What comes faster is dropped and counted.
 */
export function captureHandler(captures: HostCaptures): Handler {
  return async function* (parameters, signal) {
    const { data: wanted } = captureWanted.safeParse(parameters);
    if (!wanted) throw new XnetError('INVALID', 'its xnet does not understand the question; is it older?');
    const [most, perSecond] = [
      CAPTURE_STREAM.bytes / wanted.sharedBy,
      CAPTURE_STREAM.bytesPerSecond / wanted.sharedBy,
    ];
    let sent = 0;
    for await (const part of captures.run(wanted, LINGER_MS, signal)) {
      yield part;
      const bytes = JSON.stringify(part).length;
      sent += bytes;
      if (sent > most) {
        yield {
          notes: [
            `has ended early: ${Math.round(most / 1000)} kB, its share of what goes through the store, are sent`,
          ],
        };
        return;
      }
      await sleep((bytes / perSecond) * 1000, signal);
    }
  };
}
