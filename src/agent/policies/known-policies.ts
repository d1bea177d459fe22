/** The policies of the cluster as this host goes by them: one that cannot be read does not open what it protects. */
import { keys } from '../../model/keys.js';
import {
  closedPolicy,
  type PolicyDocument,
  type PolicyRecord,
  policyRecord,
} from '../../model/policy/policy.js';
import { parsePart } from '../../model/record.js';
import type { Replica } from '../../replica/replica.js';
import type { Known, View, ViewChanges } from '../../replica/view.js';

interface Read {
  readonly policies: readonly PolicyDocument[];
  readonly problems: readonly string[];
}

export class KnownPolicies implements AsyncDisposable {
  readonly #view: View<PolicyRecord>;
  /** By key, as it was when it could last be read. */
  readonly #former = new Map<string, PolicyDocument>();
  #read: Read | undefined;

  constructor(replica: Pick<Replica, 'follow'>, onChange: () => void) {
    this.#view = replica.follow(keys.policies(), policyRecord);
    this.#view.onChange((changes) => {
      this.#take(changes);
      onChange();
    });
  }

  /** Resolves when something is known, if only of an earlier run. */
  get ready(): Promise<void> {
    return this.#view.ready;
  }

  /** False until the store itself has answered. */
  get isCurrent(): boolean {
    return this.#view.isCurrent;
  }

  /** The same array until something changes. */
  get all(): readonly PolicyDocument[] {
    return this.#known.policies;
  }

  /** Of those that cannot be read, for people. */
  get problems(): readonly string[] {
    return this.#known.problems;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#view[Symbol.asyncDispose]();
  }

  get #known(): Read {
    this.#read ??= readAll([...this.#view.all()], this.#former);
    return this.#read;
  }

  #take(changes: ViewChanges<PolicyRecord>): void {
    for (const [key, { now }] of changes)
      if (now?.record) this.#former.set(key, now.record);
      else if (!now) this.#former.delete(key);
    this.#read = undefined;
  }
}

function readAll(known: readonly Known<PolicyRecord>[], formers: ReadonlyMap<string, PolicyDocument>): Read {
  const read = known.map(({ key, record, unread = '' }) => {
    if (record) return { policies: [record], problems: [] };
    const former = formers.get(key);
    const policy = former ?? closedPolicy({ key, value: unread });
    return { policies: policy ? [policy] : [], problems: [problemOf(key, policy, former !== undefined)] };
  });
  return {
    policies: read.flatMap(({ policies }) => policies),
    problems: read.flatMap(({ problems }) => problems),
  };
}

function problemOf(key: string, policy: PolicyDocument | undefined, isAsBefore: boolean): string {
  const name = parsePart(key.slice(keys.policies().length)) ?? key;
  const remedy = `upgrade xnet on this host, or remove the policy (xnet policy rm ${name}) and apply it again`;
  return `policy ${name} cannot be read by the xnet of this host, and ${whatHolds(policy, isAsBefore)}; ${remedy}`;
}

function whatHolds(policy: PolicyDocument | undefined, isAsBefore: boolean): string {
  if (!policy) return 'it does not say whom it selects, so it is not in force';
  if (isAsBefore) return 'stays in force as it was';
  return policy.audit
    ? 'all that comes to what it selects is counted'
    : 'nobody reaches the containers that it selects';
}
