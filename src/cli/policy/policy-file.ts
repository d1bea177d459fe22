/** A file of policies: YAML, one document for each. What is wrong is said with its line and column, and then none of it counts. */
import { LineCounter, parseAllDocuments } from 'yaml';
import { OPERATIONS, type Parameters } from '../../admin/operations.js';
import { XnetError } from '../../errors.js';

type Policies = Parameters<'applyPolicies'>['policies'];
type Documents = ReturnType<typeof parseAllDocuments>;
type Document = Exclude<Documents, { empty: true }>[number];

const schema = OPERATIONS.applyPolicies.parameters.shape.policies.element;
/** Of messages at once. */
const MOST_FAULTS = 10;

interface Fault {
  /** Place in the text, counted in characters. */
  readonly at: number;
  readonly what: string;
}

/** `file`: its name, for messages. Throws INVALID. */
export function parsePolicies(text: string, file: string): Policies {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false }) as Document[];
  const filled = documents.filter(({ contents, errors }) => contents !== null || errors.length > 0);
  if (filled.length === 0)
    throw new XnetError('INVALID', `no policy was applied:\n${file}:1:1: there is no policy in it`);
  const faults = documents.flatMap(({ errors }) =>
    errors.map(({ pos, message }) => ({ at: pos[0], what: message })),
  );
  const read = faults.length > 0 ? [] : filled.map((document) => readDocument(document, faults));
  faults.push(...(faults.length > 0 ? [] : doubles(filled, read)));
  if (faults.length === 0) return read as Policies;
  const shown = faults.slice(0, MOST_FAULTS).map(({ at, what }) => {
    const { line, col } = lines.linePos(at);
    return `${file}:${line}:${col}: ${what}`;
  });
  const more = faults.length > MOST_FAULTS ? [`and ${faults.length - MOST_FAULTS} more`] : [];
  throw new XnetError('INVALID', `no policy was applied:\n${[...shown, ...more].join('\n')}`);
}

function readDocument(document: Document, faults: Fault[]): Policies[number] | undefined {
  const parsed = schema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues.flatMap(plainIssues)) {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : [];
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    for (const key of keys)
      faults.push({
        at: placeOf(document, [...path, key]),
        what: `${[...path, key].join('.')}: there is no such field`,
      });
    if (keys.length === 0)
      faults.push({
        at: placeOf(document, path),
        what: `${path.join('.') || 'the document'}: ${issue.message}`,
      });
  }
  return undefined;
}

type Issue = NonNullable<ReturnType<typeof schema.safeParse>['error']>['issues'][number];

/** Of what may have several forms, that which the writer meant: the one with the fewest faults. */
function plainIssues(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const branches = [...issue.errors].sort((one, other) => weight(one) - weight(other));
  return (branches[0] ?? []).map((each) => ({ ...each, path: [...issue.path, ...each.path] }) as Issue);
}

const OTHERS: ReadonlySet<string | undefined> = new Set(['unrecognized_keys', 'invalid_key']);

/** A form whose very fields are others is not meant. */
function weight(issues: readonly { readonly code: string | undefined }[]): number {
  return issues.reduce((sum, { code }) => sum + (OTHERS.has(code) ? 100 : 1), 0);
}

/** Of the value there, or else of the nearest around it that is there. */
function placeOf(document: Document, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as
      | { range?: [number, number, number] }
      | undefined;
    if (node?.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}

function doubles(
  documents: readonly Document[],
  policies: readonly (Policies[number] | undefined)[],
): Fault[] {
  return policies.flatMap((policy, i) => {
    const first = policies.findIndex((each) => each?.policy === policy?.policy);
    const document = documents[i];
    if (!policy || !document || first === i) return [];
    return [{ at: placeOf(document, ['policy']), what: `policy ${policy.policy} is in the file twice` }];
  });
}
