import { ValidateBy, type ValidationArguments, type ValidationOptions } from 'class-validator';
import { X509Certificate } from 'node:crypto';
import { parseServiceAccount, ServiceAccountFault } from './fcm.service-account.js';

/** The text of a service-account file with a usable RSA key. Checked without a network; the message says what is wrong. */
export function IsServiceAccount(options?: ValidationOptions): PropertyDecorator {
  const validator = {
    validate: (value: unknown) => faultOf(value) === undefined,
    defaultMessage: (seen?: ValidationArguments) => `$property ${faultOf(seen?.value)}`,
  };
  return ValidateBy({ name: 'isServiceAccount', validator }, options);
}

/** One or more X.509 certificates in PEM. */
export function IsCertificatePem(options?: ValidationOptions): PropertyDecorator {
  const validator = { validate: isCertificatePem, defaultMessage: () => '$property must be a certificate in PEM' };
  return ValidateBy({ name: 'isCertificatePem', validator }, options);
}

function faultOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be the text of the file';
  try {
    parseServiceAccount(value);
    return undefined;
  } catch (error) {
    return error instanceof ServiceAccountFault ? error.message : 'cannot be read';
  }
}

function isCertificatePem(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    return new X509Certificate(value).subject !== undefined;
  } catch {
    return false;
  }
}
