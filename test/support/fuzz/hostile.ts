/** What somebody would send who means no good, or whose program is broken. */
import fc from 'fast-check';

/** For terminals, shells, files of lines, paths, `ip -batch`, objects, keys of etcd. */
const TEXTS = [
  ...['', ' ', '.', '..', '../../etc/passwd', '/', '-', '--force', '-f', '%zz', '%2e%2e%2f', 'a/b', '*', '~'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', '__defineGetter__', 'length'],
  ...['x\nlink del eth0', 'x\r\n127.0.0.1 bank', 'x\u0000y', '$(reboot)', '`id`', "'; rm -rf / #", '"\\'],
  ...[
    '\u001b[2J\u001b]0;owned\u0007',
    '\u009b31m',
    '\u007f',
    '\u202etxt.exe',
    '\u2028',
    '\ud800',
    '\ufeff',
    '😀',
  ],
  ...['10.0.0.1', '10.0.0.300', '010.0.0.1', '10.0.0.1/24', '10.0.0.1/33', '1.2.3.0/-1', '0x7f.1', '127.1'],
  ...['::', '::ffff:1.2.3.4', 'fe80::1%eth0', '::/0', '2001:db8::/129', '0.0.0.0/0', '224.0.0.0/4'],
  ...[
    '01:00:5e:00:00:01',
    '00:00:00:00:00:00',
    '02:00:00:00:00:zz',
    'xnet-local',
    'xnet-local~~10.1.0.0/24~~zz',
  ],
  ...['0', '-1', '1e9', '16777215', '99999999999999999999', 'NaN', 'true', 'null', '{}', '[]'],
  ...['a'.repeat(300), 'é'.repeat(200), '\n'.repeat(50)],
];

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.tuple(fc.string({ maxLength: 10 }), fc.constantFrom(...TEXTS)).map((parts) => parts.join('')),
);

const hostileNumber = fc.constantFrom<unknown>(-1, 0, 1, 0.5, 2 ** 24, 2 ** 31, 2 ** 53, 1e300, -1e300);
const hostileLeaf = fc.oneof(hostileText, hostileNumber, fc.constantFrom<unknown>(null, true, false));

/** As JSON.parse makes it: `__proto__` is a name as any other. */
export const hostileJson: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    hostileLeaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(hostileText, tie('value')), { maxLength: 4 }).map(objectOf),
  ),
})).value;

export function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const made = {};
  for (const [name, value] of entries)
    Object.defineProperty(made, name, { value, writable: true, enumerable: true, configurable: true });
  return made;
}

/** One of the values, with something else at some of its places, or a name more. */
export function spoilt(values: readonly unknown[]): fc.Arbitrary<unknown> {
  const change = fc.record({
    place: fc.nat({ max: 1e6 }),
    value: hostileJson,
    name: fc.option(hostileText, { nil: undefined }),
  });
  return fc
    .tuple(fc.constantFrom(...values), fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([value, changes]) => changes.reduce<unknown>((now, each) => withChange(now, each), value));
}

interface Change {
  readonly place: number;
  readonly value: unknown;
  /** Of what is added there; absent: what is there is replaced. */
  readonly name: string | undefined;
}

function withChange(now: unknown, { place, value, name }: Change): unknown {
  if (typeof now !== 'object' || now === null) return value;
  const entries = Object.entries(now);
  const at = place % (entries.length + 1);
  const found = entries[at];
  if (!found) {
    if (Array.isArray(now)) return [...now, value];
    return name === undefined ? value : objectOf([...entries, [name, value]]);
  }
  const put = withChange(found[1], { place: Math.floor(place / (entries.length + 1)), value, name });
  if (Array.isArray(now)) return now.with(at, put);
  return objectOf(entries.map((entry, index) => (index === at ? [found[0], put] : entry)));
}

interface Edit {
  readonly at: number;
  readonly kind: 'set' | 'insert' | 'cut' | 'repeat' | 'end';
  readonly byte: number;
}

/** One of these messages with some bytes that are other, more, or missing; or no message at all. */
export function spoiltBytes(messages: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const edit: fc.Arbitrary<Edit> = fc.record({
    at: fc.nat({ max: 2000 }),
    kind: fc.constantFrom('set', 'set', 'set', 'insert', 'cut', 'repeat', 'end'),
    byte: fc.oneof(fc.constantFrom(0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff), fc.nat({ max: 255 })),
  });
  const edited = fc
    .tuple(fc.constantFrom(...messages), fc.array(edit, { maxLength: 5 }))
    .map(([message, edits]) => edits.reduce(withEdit, message));
  const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each));
  return fc.oneof({ weight: 9, arbitrary: edited }, { weight: 1, arbitrary: bytes });
}

function withEdit(message: Buffer, { at: place, kind, byte }: Edit): Buffer {
  const at = message.length === 0 ? 0 : place % message.length;
  const [before, after] = [message.subarray(0, at), message.subarray(at)];
  switch (kind) {
    case 'set':
      return Buffer.concat([before, Buffer.from([byte]), after.subarray(1)]);
    case 'insert':
      return Buffer.concat([before, Buffer.from([byte]), after]);
    case 'cut':
      return Buffer.concat([before, after.subarray(1 + (byte % 8))]);
    case 'repeat':
      return Buffer.concat([message, after]);
    case 'end':
      return before;
  }
}

/** The same of lines, such as programs print. */
export function spoiltText(texts: readonly string[]): fc.Arbitrary<string> {
  const put = fc.tuple(fc.nat({ max: 4000 }), fc.nat({ max: 10 }), hostileText);
  return fc.tuple(fc.constantFrom(...texts), fc.array(put, { maxLength: 4 })).map(([text, puts]) =>
    puts.reduce((now, [place, cut, more]) => {
      const at = now.length === 0 ? 0 : place % now.length;
      return now.slice(0, at) + more + now.slice(at + cut);
    }, text),
  );
}
