import { OPERATIONS, type OperationName, type Parameters } from '../../admin/operations.js';

/** The path of a call, with its query. */
export function pathOf<N extends OperationName>(name: N, parameters: Parameters<N>): string {
  return pathWith(OPERATIONS[name].path, parameters);
}

/** With all parameters that are texts. */
export function pathWith(template: string, parameters: object): string {
  const query = new URLSearchParams();
  let path = template;
  for (const [key, value] of Object.entries(parameters)) {
    if (typeof value !== 'string') continue;
    const inPath = `{${key}}`;
    if (path.includes(inPath)) path = path.replace(inPath, encodeURIComponent(value));
    else query.set(key, value);
  }
  return query.size > 0 ? `${path}?${query}` : path;
}
