import { expect, test } from '@jest/globals';
import { EgressGuard, type EgressGuardParts } from '../../../src/agent/egress/egress-guard.js';
import type { GuardedContainer } from '../../../src/agent/egress/guarded-container.js';
import type { EgressRules } from '../../../src/dataplane/egress/egress-rules.js';
import type { LocalNetworks } from '../../../src/driver/local-networks.js';
import { RepairLog } from '../../../src/observability/repair-log.js';
import { silentLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

/** Networks of a host: those whose names begin with `closed` are. An endpoint's sandbox is at `/ENDPOINT`, once it is known. */
class LocalState {
  readonly endpoints = new Map<string, { readonly networkId: string; isKnown: boolean }>();
  readonly containers = new Map<string, GuardedContainer>();

  guard(rules: Partial<EgressRules>, noteRefused: EgressGuardParts['noteRefused'] = () => undefined) {
    return new EgressGuard({
      rules: { close: async () => undefined, repair: async () => [], ...rules } as EgressRules,
      local: this as unknown as Pick<LocalNetworks, 'findRecord' | 'listAllEndpoints'>,
      sandboxPathOf: (id) => (this.endpoints.get(id)?.isKnown ? `/${id}` : undefined),
      containerIn: (path) => this.containers.get(path),
      isOwn: () => false,
      noteRefused,
      repairs: new RepairLog(silentLogger),
      logger: silentLogger,
    });
  }

  join(id: string, networkId = 'closed'): void {
    this.endpoints.set(id, { networkId, isKnown: true });
  }

  findRecord = (id: string) => ({ id, protection: { egress: id.startsWith('closed') ? 'deny' : undefined } });

  listAllEndpoints = () => [...this.endpoints].map(([id, { networkId }]) => ({ id, networkId }));
}

/** Something that is under way until it is let go. */
class Held {
  isReached = false;
  release: () => void = () => undefined;
  readonly #released = new Promise<void>((resolve) => {
    this.release = resolve;
  });

  async wait(): Promise<void> {
    this.isReached = true;
    await this.#released;
  }
}

test('a container that is closed while a look runs is one of those that stay closed', async () => {
  const state = new LocalState();
  const repair = new Held();
  const kept: (readonly string[] | undefined)[] = [];
  await using guard = state.guard({
    repair: async () => {
      await repair.wait();
      return [];
    },
    keep: async (list) => {
      kept.push(list());
      return true;
    },
  });
  state.join('first');
  guard.start();
  await eventually(() => repair.isReached);
  state.join('late');
  await guard.close('closed', '/late');
  repair.release();
  await eventually(() => kept.length > 0);
  expect(kept[0]).toEqual(['/first', '/late']);
  state.endpoints.set('unknown', { networkId: 'closed', isKnown: false });
  guard.hint();
  await eventually(() => kept.length > 1);
  expect(kept.at(-1)).toBeUndefined();
});

test('a container that comes while the tables of the last one are taken away stays closed', async () => {
  const state = new LocalState();
  const keep = new Held();
  const kept: (readonly string[] | undefined)[] = [];
  await using guard = state.guard({
    keep: async (list) => {
      await keep.wait();
      kept.push(list());
      return true;
    },
  });
  guard.start();
  await eventually(() => keep.isReached);
  state.join('late');
  keep.release();
  await eventually(() => kept.length > 0);
  expect(kept[0]).toEqual(['/late']);
});

test('a container that has come back while another one is opened is not opened', async () => {
  const state = new LocalState();
  const open = new Held();
  const opened: string[] = [];
  await using guard = state.guard({
    open: async (path) => {
      await open.wait();
      opened.push(path);
    },
    keep: async () => true,
  });
  for (const id of ['first', 'second']) {
    state.join(id);
    await guard.close('closed', `/${id}`);
  }
  state.endpoints.clear();
  guard.start();
  await eventually(() => open.isReached);
  state.join('second');
  open.release();
  await eventually(() => opened.length > 0);
  guard.hint();
  await guard[Symbol.asyncDispose]();
  expect(opened).toEqual(['/first']);
});

test('a container is closed at any bridge unless Docker says that it goes out by another network', async () => {
  const state = new LocalState();
  const elsewhere: unknown[] = [];
  await using guard = state.guard({
    close: async (_, __, goesElsewhere) => {
      elsewhere.push(goesElsewhere);
      return undefined;
    },
  });
  state.join('job');
  const job = { id: 'c1', name: 'job', labels: {} };
  for (const otherWays of [undefined, [], ['bridge']]) {
    if (otherWays) state.containers.set('/job', { ...job, otherWays });
    await guard.close('closed', '/job');
  }
  expect(elsewhere).toEqual([false, false, true]);
});

test('the refusals of a container are not those of the one that had its name before', async () => {
  const state = new LocalState();
  const noted: string[] = [];
  await using guard = state.guard({ refused: () => [] }, (container, what) =>
    noted.push(`${container} ${what}`),
  );
  for (const id of ['first', 'second']) {
    state.endpoints.clear();
    state.join(id);
    state.containers.set(`/${id}`, { id, name: 'job', labels: {}, otherWays: [] });
    expect(guard.log('job').names).toEqual([]);
    expect(guard.gateOf(`/${id}`, ['closed'])?.judge('evil.com')).toBe('refused');
    expect(guard.log('job').names).toMatchObject([{ name: 'evil.com', count: 1 }]);
  }
  expect(noted).toEqual(Array(2).fill('job evil.com: not in xnet.egress.allow'));
});

test('a host without closed containers looks into the kernel once, whatever containers come', async () => {
  let looks = 0;
  const rules: Partial<EgressRules> = {
    keep: async () => {
      looks += 1;
      return true;
    },
  };
  let asked = 0;
  await using guard = new EgressGuard({
    rules: rules as EgressRules,
    local: {
      findRecord: () => undefined,
      listAllEndpoints: () => {
        asked += 1;
        return [];
      },
    },
    sandboxPathOf: () => undefined,
    containerIn: () => undefined,
    isOwn: () => false,
    noteRefused: () => undefined,
    repairs: new RepairLog(silentLogger),
    logger: silentLogger,
  });
  guard.start();
  for (const wanted of [1, 2, 3]) {
    await eventually(() => asked >= wanted);
    guard.hint();
  }
  await eventually(() => asked >= 4);
  expect(looks).toBe(1);
});
