/** Loaded when it is wanted. In the bundle, `import()` of a CommonJS library itself has no names, so this module has one. */
import { Document, visit } from 'yaml';
import { ACTING, printable } from '../../observability/layout.js';

/** What would act on a terminal stands escaped, in double quotes: for programs the value is the same. */
export function formatYaml(answer: unknown): string {
  const document = new Document(answer);
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === 'string' && node.value.search(OF_TEXT) >= 0) node.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString().split('\n').map(printable).join('\n');
}

/** But for line ends, which have a form of their own. */
const OF_TEXT = new RegExp(ACTING.source.replace('\\u0000-\\u001f', '\\u0000-\\u0009\\u000b-\\u001f'));
