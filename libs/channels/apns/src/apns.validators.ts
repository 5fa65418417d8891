import { ValidateBy, type ValidationOptions } from 'class-validator';
import { createPrivateKey, X509Certificate } from 'node:crypto';

const PEM_KEY = /^-----BEGIN PRIVATE KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PRIVATE KEY-----$/;
const PEM_CERTIFICATES = /^(?:-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\s*)+$/;

/** The contents of a `.p8` file: PKCS #8 PEM of a P-256 key. Never a path: the client library would open it. */
export function IsSigningKey(options?: ValidationOptions): PropertyDecorator {
  return check(
    'isSigningKey',
    isSigningKey,
    'must be the contents of the .p8 file, a PEM private key on curve P-256',
    options,
  );
}

/** One or more X.509 certificates in PEM. */
export function IsCertificatePem(options?: ValidationOptions): PropertyDecorator {
  return check('isCertificatePem', isCertificatePem, 'must be a certificate in PEM', options);
}

function check(
  name: string,
  validate: (value: unknown) => boolean,
  message: string,
  options?: ValidationOptions,
): PropertyDecorator {
  return ValidateBy({ name, validator: { validate, defaultMessage: () => `$property ${message}` } }, options);
}

function isSigningKey(value: unknown): boolean {
  if (typeof value !== 'string' || !PEM_KEY.test(value.trim())) return false;
  try {
    const key = createPrivateKey(value);
    return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  } catch {
    return false;
  }
}

function isCertificatePem(value: unknown): boolean {
  if (typeof value !== 'string' || !PEM_CERTIFICATES.test(value.trim())) return false;
  try {
    return new X509Certificate(value).subject !== undefined;
  } catch {
    return false;
  }
}
