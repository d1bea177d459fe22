/** Loaded when it is wanted. In the bundle, `import()` of a CommonJS library itself has no names, so this module has one. */
import { stringify } from 'yaml';

export function formatYaml(answer: unknown): string {
  return stringify(answer);
}
