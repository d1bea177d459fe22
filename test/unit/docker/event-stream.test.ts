import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { parseEvent, readEvents } from '../../../src/docker/event-stream.js';
import { DriverNames } from '../../../src/docker/own-plugin.js';

const NAMES = new DriverNames(['xnet:latest']);

describe("Docker's event stream", () => {
  const create = {
    Type: 'network',
    Action: 'create',
    Actor: { ID: 'n', Attributes: { name: 'shop', type: 'xnet:latest' } },
  };
  const event = { type: 'network', action: 'create', networkId: 'n', name: 'shop', driver: 'xnet' };

  test('is read however it is cut into pieces', async () => {
    const text = `${JSON.stringify(create)}\n\u001e${JSON.stringify(create)}\n`;
    const stream = Readable.from([text.slice(0, 7), text.slice(7, 90), text.slice(90)]);
    const events = [];
    for await (const each of readEvents(stream, NAMES)) events.push(each);
    expect(events).toEqual([event, event]);
  });

  test.each([
    ['health_status: healthy', {}, { action: 'health_status' }],
    ['kill', { signal: '15' }, { action: 'kill', signal: 15 }],
    ['start', { 'com.docker.swarm.service.name': 'web' }, { action: 'start', service: 'web' }],
  ])('tells of a container: %s %j', (Action, attributes, expected) => {
    const line = JSON.stringify({
      ...{ Type: 'container', Action },
      Actor: { ID: 'c', Attributes: { name: 'one', ...attributes } },
    });
    expect(parseEvent(line, NAMES)).toEqual({
      type: 'container',
      containerId: 'c',
      name: 'one',
      ...expected,
    });
  });

  test.each(['', 'nonsense', 'null', '{}', '{"Type":"image","Action":"pull","Actor":{"ID":"x"}}'])(
    'skips %j',
    (line) => expect(parseEvent(line, NAMES)).toBeUndefined(),
  );
});
