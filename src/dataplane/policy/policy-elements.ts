/** Elements of the policy table as the kernel takes them, without `nft`: a container that comes or goes starts no program. Pure. */
import { type ElementChange, type SetElement, textsOf } from '../../native/netfilter/set-elements.js';
import type { Difference } from '../changes.js';
import { POLICY_TABLE } from './table-layout.js';

const GOTO = 'goto ';
/** IFNAMSIZ */
const NAME_BYTES = 16;

/** In the order of one transaction: what is gone first, since the same key may come with another value. */
export function elementChanges(differences: readonly Difference<string>[]): ElementChange[] {
  const gone = differences.filter(({ observed }) => observed !== undefined);
  return [
    ...gone.map(({ key }): ElementChange => ({ verb: 'delete', element: elementOf(key, '') })),
    ...differences.flatMap(({ key, desired }): ElementChange[] =>
      desired === undefined ? [] : [{ verb: 'add', element: elementOf(key, desired) }],
    ),
  ];
}

/** As `readContents` reads the elements when they are there. */
export function elementTexts(
  elements: Iterable<readonly [name: string, value: string]>,
): Map<string, string> {
  return new Map(
    [...elements].map(([name, value]) => {
      const element = elementOf(name, value);
      const [key, text] = textsOf(element);
      return [`${element.set} ${key}`, text];
    }),
  );
}

/** `name`: as tableElements has it, such as `to 02:42:0a:01:00:02` with the value `goto class.0`. */
function elementOf(name: string, value: string): SetElement {
  const [set = '', key = ''] = name.split(' ');
  return {
    ...{ family: 'bridge', table: POLICY_TABLE, set },
    key: set === 'ports' ? nameBytes(key) : Buffer.from(key.replaceAll(':', ''), 'hex'),
    goto: value.startsWith(GOTO) ? value.slice(GOTO.length) : undefined,
  };
}

function nameBytes(name: string): Buffer {
  return Buffer.concat([Buffer.from(name), Buffer.alloc(NAME_BYTES)], NAME_BYTES);
}
