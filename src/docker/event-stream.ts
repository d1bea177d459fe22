/** Docker's event stream: one JSON object a line. */

import { SERVICE_LABEL } from './docker-json.js';
import { CONTAINER_ACTIONS, type EngineEvent, NETWORK_ACTIONS } from './engine.js';
import type { DriverNames } from './own-plugin.js';

export const EVENT_FILTERS = {
  type: ['network', 'container'],
  event: [...new Set([...NETWORK_ACTIONS, ...CONTAINER_ACTIONS])],
};

/** Ends or throws when the stream does. */
export async function* readEvents(
  stream: NodeJS.ReadableStream,
  names: DriverNames,
): AsyncIterable<EngineEvent> {
  for await (const line of readLines(stream)) {
    const event = parseEvent(line, names);
    if (event) yield event;
  }
}

/** Not node:readline: it waits without end when its input fails. */
async function* readLines(stream: NodeJS.ReadableStream): AsyncIterable<string> {
  stream.setEncoding('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

/** Undefined for what is of no interest, or no event. */
export function parseEvent(line: string, names: DriverNames): EngineEvent | undefined {
  const event = parseObject(line);
  const { ID: id, Attributes: given } = event?.Actor ?? {};
  const attributes = given ?? {};
  if (typeof event?.Action !== 'string' || typeof id !== 'string') return undefined;
  const name = textOf(attributes.name);
  // `health_status: healthy`
  const [word] = event.Action.split(':');
  const networkAction = NETWORK_ACTIONS.find((each) => each === word);
  if (event.Type === 'network' && networkAction) {
    return {
      type: 'network',
      action: networkAction,
      networkId: id,
      name,
      driver: names.fromDocker(textOf(attributes.type)),
      ...(attributes.container !== undefined && { containerId: textOf(attributes.container) }),
    };
  }
  const containerAction = CONTAINER_ACTIONS.find((each) => each === word);
  if (event.Type === 'container' && containerAction) {
    const { [SERVICE_LABEL]: service, signal } = attributes;
    return {
      type: 'container',
      action: containerAction,
      containerId: id,
      name,
      ...(service !== undefined && { service: textOf(service) }),
      ...(signal !== undefined && { signal: Number(textOf(signal)) }),
    };
  }
  return undefined;
}

/** All attributes are texts. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

interface EventObject {
  readonly Type: string;
  readonly Action: string;
  readonly Actor?: {
    readonly ID?: unknown;
    readonly Attributes?: Readonly<Record<string, unknown>> | null;
  } | null;
}

function parseObject(line: string): EventObject | undefined {
  try {
    // API 1.53 may put a record separator before each (RFC 7464).
    return JSON.parse(line.startsWith('{') ? line : line.slice(1)) ?? undefined;
  } catch {
    return undefined;
  }
}
