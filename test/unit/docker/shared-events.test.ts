import { describe, expect, test } from '@jest/globals';
import { Mailbox } from '../../../src/concurrency/mailbox.js';
import type { EngineEvent } from '../../../src/docker/engine.js';
import { SharedEvents } from '../../../src/docker/shared-events.js';
import { eventually } from '../../support/time/eventually.js';

const START: EngineEvent = { type: 'container', action: 'start', containerId: 'c', name: 'web' };
const RESYNC: EngineEvent = { type: 'resync' };

/** A stream of Docker's, and how often it was opened. */
function source() {
  const mailbox = new Mailbox<EngineEvent>(RESYNC);
  const opened: AbortSignal[] = [];
  async function* open(signal: AbortSignal): AsyncGenerator<EngineEvent> {
    opened.push(signal);
    yield RESYNC;
    for (let event = await mailbox.next(signal); event; event = await mailbox.next(signal)) yield event;
  }
  return { opened, open, push: (event: EngineEvent) => mailbox.push(event) };
}

function read(events: SharedEvents) {
  const stop = new AbortController();
  const seen: string[] = [];
  const done = (async () => {
    for await (const event of events.watch(stop.signal)) seen.push(event.type);
  })();
  const end = () => {
    stop.abort();
    return done;
  };
  return { seen, stop: end };
}

describe('one event stream of Docker for all who watch', () => {
  test('each gets a resync first and then the events, from one stream, which ends with the last', async () => {
    const { opened, open, push } = source();
    const events = new SharedEvents(open);
    const first = read(events);
    await eventually(() => expect(first.seen).toEqual(['resync']));
    const second = read(events);
    await eventually(() => expect(second.seen).toEqual(['resync']));
    push(START);
    await eventually(() =>
      expect([first.seen, second.seen]).toEqual([
        ['resync', 'container'],
        ['resync', 'container'],
      ]),
    );
    await first.stop();
    push(START);
    await eventually(() => expect(second.seen).toHaveLength(3));
    expect(first.seen).toHaveLength(2);
    expect(opened.map(({ aborted }) => aborted)).toEqual([false]);
    await second.stop();
    expect(opened.map(({ aborted }) => aborted)).toEqual([true]);
  });

  test('one who comes after the last has gone gets a stream anew', async () => {
    const { opened, open } = source();
    const events = new SharedEvents(open);
    await read(events).stop();
    const again = read(events);
    await eventually(() => expect(again.seen).toEqual(['resync']));
    await again.stop();
    expect(opened).toHaveLength(2);
  });
});
