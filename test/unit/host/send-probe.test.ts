import { expect, jest, test } from '@jest/globals';
import { sendProbe } from '../../../src/host/answers/trace/send-probe.js';
import type { Step } from '../../../src/host/answers/trace/steps.js';
import type { Side, Trace } from '../../../src/trace/trace.js';

const HOST = { id: 'h', name: 'h1', state: 'alive', vtep: '192.0.2.1' } as const;
const SEEN = { request: true, answers: ['echo-reply'] };

function side(name: string): Side {
  const endpoint = { id: name, addresses: [], mac: '02:42:0a:01:00:02' };
  const container = { id: name, name };
  return { label: name, host: HOST, container, endpoint, networks: ['shop'], facts: {} };
}

function trace(): Trace {
  const network = {
    id: 'n',
    mode: 'overlay',
    name: 'shop',
    vni: 4097,
    subnets: ['10.1.0.0/24'],
    isInternal: false,
  } as const;
  const packet = { source: '10.1.0.2', destination: '10.1.0.3', protocol: 'icmp' } as const;
  return { from: side('web'), to: side('db'), network, ...packet };
}

/** Which ends are asked what they have seen, where `complete` have seen all at once. */
async function asked(...complete: string[]): Promise<string[]> {
  const asks: string[] = [];
  const answer = async (step: Step) => {
    if (step.step !== 'seen') return step.step === 'arm' ? true : {};
    const end = step.probeId.split('-').at(-1) ?? '';
    asks.push(end);
    const places = ['interface', 'port'];
    return places.map((place) => ({
      place,
      ...(complete.includes(end) ? SEEN : { request: true, answers: [] }),
    }));
  };
  const parts = { store: undefined, hostId: HOST.id, own: { answer } };
  jest.useFakeTimers();
  const sent = sendProbe(parts as never, trace(), 4789, '');
  await jest.advanceTimersByTimeAsync(5_000).finally(() => jest.useRealTimers());
  const probe = await sent;
  expect(probe.sights.map(({ seen }) => 'answers' in seen && seen.answers.length > 0)).toEqual(
    ['from', 'from', 'to', 'to'].map((end) => complete.includes(end)),
  );
  return asks.sort();
}

test('an end that has seen all is asked once', async () => {
  expect(await asked('from', 'to')).toEqual(['from', 'to']);
});

test('what it has seen stays when the other end is asked again', async () => {
  expect(await asked('to')).toEqual(['from', 'from', 'to']);
});
