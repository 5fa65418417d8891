import type { Random } from '../../chaos/stage/random.js';

/** The part of JSON Schema that our document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly example?: unknown;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: boolean | Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
}

export type Schemas = Readonly<Record<string, Schema>>;

/** A value that the schema takes, as far as it says so. Members that are not required come as the dice fall. */
export function valueOf(random: Random, schema: Schema, schemas: Schemas): unknown {
  if (schema.$ref) return valueOf(random, schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}, schemas);
  const [part] = schema.allOf ?? [];
  if (part) return valueOf(random, part, schemas);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return valueOf(random, random.pick(choices), schemas);
  if (schema.enum) return random.pick(schema.enum);
  if (schema.properties) return objectOf(random, schema, schemas);
  if (schema.example !== undefined) return schema.example;
  if (schema.type === 'array') {
    return Array.from({ length: random.whole(1, 2) }, () => valueOf(random, schema.items ?? {}, schemas));
  }
  return scalarOf(random, schema);
}

function objectOf(random: Random, { properties = {}, required = [] }: Schema, schemas: Schemas): object {
  const chosen = Object.entries(properties).filter(([name]) => required.includes(name) || random.next() < 0.4);
  return Object.fromEntries(chosen.map(([name, own]) => [name, valueOf(random, own, schemas)]));
}

function scalarOf(random: Random, { type, format, minimum = 0, maximum = minimum + 100, default: usual }: Schema) {
  if (usual !== undefined) return usual;
  if (type === 'integer' || type === 'number') return random.whole(minimum, Math.min(maximum, minimum + 1_000));
  if (type === 'boolean') return random.next() < 0.5;
  if (type === 'object') return {};
  if (format === 'uri') return 'https://example.com/a';
  return format === 'date-time' ? '2026-01-01T00:00:00Z' : `text-${random.whole(0, 9)}`;
}
