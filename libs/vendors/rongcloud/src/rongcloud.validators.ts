import { ValidateBy, type ValidationOptions } from 'class-validator';

/** An https address without credentials and query. Plain http is for loopback alone: a push is readable on its way. */
export const SERVER_ADDRESS =
  /^(?:https:\/\/[^\s/?#@]+|http:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?)(?:\/[^\s?#]*)?$/;

/** A regular expression of ECMAScript, read with the flag `u`. */
export function IsPattern(options?: ValidationOptions): PropertyDecorator {
  const defaultMessage = () => '$property must be a regular expression';
  return ValidateBy({ name: 'isPattern', validator: { validate: isPattern, defaultMessage } }, options);
}

function isPattern(value: unknown): boolean {
  if (typeof value !== 'string' || value === '') return false;
  try {
    return new RegExp(value, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}
