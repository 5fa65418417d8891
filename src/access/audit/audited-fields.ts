import { escapePointer, isRecord } from '@bellhop/contracts';

const MOST_FIELDS = 50;
const MOST_NAME = 100;

/**
 * What a body names, as JSON Pointers of one or two steps and without any value: `/config/appSecret` says that a secret
 * was given, and not which one.
 */
export function fieldsOf(body: unknown): string[] {
  if (!isRecord(body)) return [];
  return Object.entries(body)
    .flatMap(([name, value]) => {
      const field = pointer('', name);
      const inner = isRecord(value) ? Object.keys(value) : [];
      return inner.length > 0 ? inner.map((part) => pointer(field, part)) : [field];
    })
    .slice(0, MOST_FIELDS);
}

const pointer = (parent: string, name: string): string => `${parent}/${escapePointer(name.slice(0, MOST_NAME))}`;
