/**
 * Whether two descriptions are of one store (Store.description): the same text, or etcds with the same prefix and a member in
 * common, since members are added and replaced, and written in any order. Pure.
 */
export function isSameStore(one: string, other: string): boolean {
  const [first, second] = [etcdOf(one), etcdOf(other)];
  if (!first || !second) return one === other;
  return first.prefix === second.prefix && first.members.some((member) => second.members.includes(member));
}

function etcdOf(description: string) {
  const [, members, prefix] = /^etcd (\S+) under (.*)$/.exec(description) ?? [];
  return members === undefined ? undefined : { members: members.split(','), prefix };
}
