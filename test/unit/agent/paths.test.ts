import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { PathPeer } from '../../../src/agent/paths/followed-path.js';
import { PathQuestions } from '../../../src/agent/paths/path-questions.js';
import { Paths, type PathsParts } from '../../../src/agent/paths/paths.js';
import type { Echoes, PathDevice, TakeArrival, WantedPaths } from '../../../src/dataplane/paths.js';
import { XnetError } from '../../../src/errors.js';
import { muteLogger } from '../../support/loggers.js';

const MTU = 1450;

function peer(number: number): PathPeer {
  const vtep = `10.0.${number >> 8}.${number & 0xff}`;
  return { id: `h${number}`, name: `h${number}`, vtep, isAlive: true, mtu: MTU };
}

/** Of hosts that answer by `answer`, or never. */
class TestEchoes implements Echoes {
  readonly sentTo: string[] = [];

  constructor(private readonly answer?: TakeArrival) {}

  send(from: string, sequence: number): boolean {
    this.sentTo.push(from);
    const { answer } = this;
    if (answer) setTimeout(() => answer({ isAnswer: true, from, sequence }), 1);
    return true;
  }

  takeRequests(): void {}
  read(): void {}
  [Symbol.dispose](): void {}
}

/** A device that does what is asked, or fails. */
class Device implements PathDevice {
  isThere = true;
  readonly done: (WantedPaths | 'removed')[] = [];
  failure: Error | undefined;
  isAnswered = false;

  async ensure(wanted: WantedPaths): Promise<boolean> {
    if (this.failure) throw this.failure;
    this.done.push(wanted);
    return false;
  }

  async remove(): Promise<void> {
    this.done.push('removed');
  }

  openTunnel(_: string, take: TakeArrival): Echoes {
    return new TestEchoes(this.isAnswered ? take : undefined);
  }

  openUnderlay(): Echoes {
    return new TestEchoes();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

describe('the questions of many paths', () => {
  const questionsOf = (echoes: () => Echoes | undefined) =>
    new PathQuestions({
      echoes,
      ...{ beforeAsking: () => undefined, asked: () => undefined, changed: () => undefined },
    });

  test('are spread: a thousand answers at a time would not fit where they wait', () => {
    const echoes = new TestEchoes();
    const questions = questionsOf(() => echoes);
    questions.follow(
      Array.from({ length: 1_000 }, (_, number) => peer(number)),
      MTU,
    );
    for (let halves = 0; halves < 60; halves += 1) {
      const before = echoes.sentTo.length;
      jest.advanceTimersByTime(500);
      expect(echoes.sentTo.length - before).toBeLessThanOrEqual(2 * 210);
    }
    expect(new Set(echoes.sentTo).size).toBe(1_000);
    questions.follow([], MTU);
  });

  test('count only when they could be sent', () => {
    let echoes: Echoes | undefined;
    const questions = questionsOf(() => echoes);
    questions.follow([peer(1)], MTU);
    jest.advanceTimersByTime(120_000);
    expect(questions.states.get('h1')?.verdict).toBeUndefined();
    echoes = new TestEchoes();
    jest.advanceTimersByTime(40_000);
    expect(questions.states.get('h1')?.verdict).toBe('lost');
    questions.follow([], MTU);
  });
});

describe('the paths of a host', () => {
  const start = (parts: Partial<PathsParts>) => {
    const device = new Device();
    const published: (number | undefined)[] = [];
    const paths = new Paths({
      device,
      peers: () => [peer(1)],
      vniHolder: () => undefined,
      own: () => ({ vtep: '10.0.0.100', mtu: MTU }),
      isStoreAway: () => false,
      publish: async (mtu) => void published.push(mtu),
      logger: muteLogger,
      ...parts,
    });
    paths.start();
    return { device, published, paths };
  };

  test('what an earlier daemon left stays until the hosts that share a network are known', async () => {
    let peers: readonly PathPeer[] | undefined;
    const { device, paths } = start({ peers: () => peers });
    await jest.advanceTimersByTimeAsync(30_000);
    expect(device.done).toEqual([]);
    peers = [peer(1)];
    await jest.advanceTimersByTimeAsync(6_000);
    expect(device.done[0]).toMatchObject({ peers: ['10.0.0.1'] });
    peers = [];
    paths.hint();
    await jest.advanceTimersByTimeAsync(100);
    expect(device.done.at(-1)).toBe('removed');
    await paths[Symbol.asyncDispose]();
  });

  test('a host that is gone while the device fails is no path that is lost', async () => {
    let peers = [peer(1), peer(2)];
    const { device, paths } = start({ peers: () => peers });
    await jest.advanceTimersByTimeAsync(1_000);
    device.failure = new XnetError('KERNEL', 'no');
    peers = [peer(1)];
    paths.hint();
    await jest.advanceTimersByTimeAsync(60_000);
    expect([...paths.states].map(([id, { verdict }]) => [id, verdict])).toEqual([['h1', undefined]]);
    expect(paths.failure).toBe(device.failure);
    await paths[Symbol.asyncDispose]();
  });

  test('their device is made again soon after it was removed, also shortly after another look', async () => {
    const { device, paths } = start({});
    device.isAnswered = true;
    await jest.advanceTimersByTimeAsync(2_000);
    expect([...paths.states.values()].map(({ verdict }) => verdict)).toEqual(['passes']);
    device.done.length = 0;
    device.isThere = false;
    await jest.advanceTimersByTimeAsync(12_000);
    expect(device.done.length).toBeGreaterThan(0);
    await paths[Symbol.asyncDispose]();
  });

  test('give way to a network that has their VNI', async () => {
    const { device, published, paths } = start({ vniHolder: () => 'shop' });
    await jest.advanceTimersByTimeAsync(100);
    expect(device.done).toEqual(['removed']);
    expect(published).toEqual([undefined]);
    expect(String(paths.failure)).toContain('network shop has VNI 16777215');
    await paths[Symbol.asyncDispose]();
  });
});
