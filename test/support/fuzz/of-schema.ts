/** Values that a schema takes, with hostile texts wherever it takes a text. */
import fc from 'fast-check';
import { z } from 'zod';
import { hostileJson, hostileText, objectOf } from './hostile.js';

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly format?: string;
}

export function ofSchema<T>(schema: z.ZodType<T>): fc.Arbitrary<T> {
  return arbitraryOf(z.toJSONSchema(schema, { unrepresentable: 'any' }) as Schema) as fc.Arbitrary<T>;
}

function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map(arbitraryOf));
  switch (schema.type) {
    case 'object':
      return objectArbitrary(schema);
    case 'array':
      return fc.array(arbitraryOf(schema.items ?? {}), { maxLength: 3 });
    case 'string':
      return stringArbitrary(schema);
    case 'integer':
      return fc.integer({
        min: Math.max(schema.minimum ?? 0, -1e6),
        max: Math.min(schema.maximum ?? 1e6, 1e6),
      });
    case 'number':
      return fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? 1e6, noNaN: true });
    case 'boolean':
      return fc.boolean();
    default:
      return hostileJson;
  }
}

function stringArbitrary({ format, pattern }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') return fc.constantFrom('2026-01-31T12:00:00Z', '2026-01-31T12:00:00.123Z');
  return pattern === undefined ? hostileText : fc.stringMatching(new RegExp(pattern));
}

function objectArbitrary({ properties = {}, required = [], additionalProperties }: Schema) {
  const fields = Object.entries(properties).map(([name, schema]) => {
    const value = arbitraryOf(schema);
    return [name, required.includes(name) ? value : fc.option(value, { nil: undefined })] as const;
  });
  const known = fc.record(Object.fromEntries(fields));
  if (typeof additionalProperties !== 'object') return known;
  const more = fc.array(fc.tuple(hostileText, arbitraryOf(additionalProperties)), { maxLength: 3 });
  return fc.tuple(known, more).map(([object, entries]) => ({ ...object, ...objectOf(entries) }));
}
