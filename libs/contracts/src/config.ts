import 'reflect-metadata';
import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { JSONSchema, targetConstructorToSchema } from 'class-validator-jsonschema';
import { ConfigInvalidError, type FieldIssue } from './errors.js';
import { escapePointer } from './kit/pointer.js';
import type { ClassType } from './manifest.js';

/** What class-validator does not say about a setting. */
export interface ConfigFieldOptions {
  readonly title: string;
  readonly description?: string;
  /** Sealed at rest, never returned. */
  readonly secret?: boolean;
  /** A form shows it as a text area. */
  readonly multiline?: boolean;
  /** A form hides it behind "advanced". */
  readonly advanced?: boolean;
}

const FIELDS = Symbol('bellhop:config-fields');

/** Declares a setting of a plugin. The validators beside it say what is allowed; the initial value is the default. */
export function ConfigField(options: ConfigFieldOptions): PropertyDecorator {
  return (target, property) => {
    const own = new Map<string, ConfigFieldOptions>(fieldMap(target.constructor));
    own.set(String(property), options);
    Reflect.defineMetadata(FIELDS, own, target.constructor);
    JSONSchema({
      title: options.title,
      ...(options.description && { description: options.description }),
      ...(options.secret && { writeOnly: true }),
      ...(options.multiline && { format: 'multiline' }),
      ...(options.advanced && { 'x-advanced': true }),
    })(target, String(property));
  };
}

function fieldMap(type: object): ReadonlyMap<string, ConfigFieldOptions> {
  return (Reflect.getMetadata(FIELDS, type) as ReadonlyMap<string, ConfigFieldOptions> | undefined) ?? new Map();
}

/** Names of the settings that are sealed at rest and never returned. */
export function secretFields(type: ClassType<object>): readonly string[] {
  return [...fieldMap(type)].filter(([, field]) => field.secret).map(([name]) => name);
}

/** JSON Schema of a config class, with defaults; the source of forms and docs. */
export function configSchema(type: ClassType<object>): Record<string, unknown> {
  // By the class itself: two plugins may give their settings the same name.
  const schema = { properties: {}, ...targetConstructorToSchema(type) } as {
    properties: Record<string, Record<string, unknown>>;
    required?: string[];
  };
  const defaults = new type() as Record<string, unknown>;
  for (const [name, value] of Object.entries(defaults)) {
    const property = schema.properties[name];
    if (property && value !== undefined) property.default = value;
  }
  schema.required = schema.required?.filter((name) => defaults[name] === undefined);
  return { ...schema, additionalProperties: false };
}

/**
 * Plain object → validated settings.
 * @param at JSON Pointer of the object in the request, prefixed to every issue.
 * @throws {ConfigInvalidError} naming every field that is missing, wrong or unknown.
 */
export function readConfig<C extends object>(type: ClassType<C>, input: unknown, at = ''): C {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new ConfigInvalidError([{ field: at || '/', message: 'must be an object' }]);
  }
  const config = plainToInstance(type, input, { exposeDefaultValues: true });
  const faults = validateSync(config, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: false });
  if (faults.length > 0) throw new ConfigInvalidError(issuesOf(faults, at));
  return config;
}

/** Flattens class-validator's tree into issues with JSON Pointers. Values are never quoted. */
export function issuesOf(faults: readonly ValidationError[], at = ''): FieldIssue[] {
  return faults.flatMap((fault) => {
    const field = `${at}/${escapePointer(fault.property)}`;
    const own = Object.entries(fault.constraints ?? {}).map(([rule, message]) => ({
      field,
      message: rule === 'whitelistValidation' ? 'is not a known field' : message,
    }));
    return [...own, ...issuesOf(fault.children ?? [], field)];
  });
}
