/** The admin API as an OpenAPI 3.1 document (`xnet openapi`, GET /v1/openapi.json). Pure. */
import { z } from 'zod';
import { OPERATIONS, type Operation, STREAMS } from './operations.js';

const REFUSALS = {
  400: 'a parameter is not acceptable, or several things have the name',
  404: 'nothing in the cluster has the name or id; or there is no such operation',
  409: 'it is in use',
  500: 'a bug in xnet, or the kernel, the disk or Docker failed',
  503: 'the store did not answer',
};

export function describeApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  const add = (type: string) => (entry: [string, Operation]) => {
    const { path, method } = entry[1];
    paths[path] = { ...paths[path], [method]: describeOperation(...entry, type) };
  };
  Object.entries<Operation>(OPERATIONS).forEach(add('application/json'));
  Object.entries<Operation>(STREAMS).forEach(add('application/x-ndjson'));
  return {
    openapi: '3.1.0',
    info: {
      title: 'xnet admin API',
      version: '1',
      description: 'On the unix socket /run/xnet/admin.sock, for root alone.',
    },
    paths,
    components: { schemas: { Refusal: { type: 'object', properties: { code: TEXT, error: TEXT } } } },
  };
}

const TEXT = { type: 'string' };

function describeOperation(
  name: string,
  { method, path, summary, parameters, answer }: Operation,
  type: string,
): object {
  return {
    operationId: name,
    summary,
    ...(method === 'put'
      ? { requestBody: { required: true, content: json(schemaOf(parameters)) } }
      : {
          parameters: Object.entries(parameters.shape).map(([key, schema]) =>
            describeParameter(key, path, schema),
          ),
        }),
    responses: {
      200: { description: 'the answer', content: { [type]: { schema: schemaOf(answer) } } },
      ...Object.fromEntries(
        Object.entries(REFUSALS).map(([status, description]) => [status, refusal(description)]),
      ),
    },
  };
}

function describeParameter(key: string, path: string, schema: z.core.$ZodType): object {
  const isInPath = path.includes(`{${key}}`);
  const required = isInPath || !z.core.safeParse(schema, undefined).success;
  return { name: key, in: isInPath ? 'path' : 'query', required, schema: schemaOf(schema) };
}

function refusal(description: string): object {
  return { description, content: json({ $ref: '#/components/schemas/Refusal' }) };
}

function json(schema: object): object {
  return { 'application/json': { schema } };
}

function schemaOf(schema: z.core.$ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}
