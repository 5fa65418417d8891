import { ValidateBy, type ValidationOptions } from 'class-validator';

/** An address without credentials and query. Whether http and private addresses are acceptable is for the egress to say. */
export const SERVER_ADDRESS = /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/;

/**
 * A class of characters, `[…]` in ECMAScript with the flag `u`: nothing that repeats or branches, so that no input takes
 * long, whoever writes the expression.
 */
export function IsCharacterClass(options?: ValidationOptions): PropertyDecorator {
  const defaultMessage = () => '$property must be one class of characters, such as [A-Za-z0-9_-]';
  return ValidateBy({ name: 'isCharacterClass', validator: { validate: isCharacterClass, defaultMessage } }, options);
}

const CLASS = /^\[(?:[^\\[\]]|\\[pP]\{[\w=]+\}|\\u\{[0-9A-Fa-f]+\}|\\[^pPu]|\\u[0-9A-Fa-f]{4})+\]$/u;

function isCharacterClass(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 1_000 || !CLASS.test(value)) return false;
  try {
    return new RegExp(value, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}
