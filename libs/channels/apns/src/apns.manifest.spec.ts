import { ConfigInvalidError, configSchema, type FieldIssue, readConfig, secretFields } from '@bellhop/contracts';
import { apnsTestCredentials, createAuthority } from '@bellhop/simulators';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ApnsConfig, apnsManifest } from './apns.manifest.js';

const valid = { ...apnsTestCredentials(), bundleId: 'com.example.app' };

function keyOf(curve: string): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: curve });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function rsaKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function publicKey(): string {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return publicKey.export({ type: 'spki', format: 'pem' }) as string;
}

function keyFile(): string {
  const file = path.join(tmpdir(), `bellhop-${process.pid}.p8`);
  writeFileSync(file, valid.p8, { mode: 0o600 });
  return file;
}

function issuesOf(input: object): readonly FieldIssue[] {
  try {
    readConfig(ApnsConfig, input);
    return [];
  } catch (error) {
    if (error instanceof ConfigInvalidError) return error.issues;
    throw error;
  }
}

function faultsOf(input: object): readonly string[] {
  return issuesOf(input).map(({ field }) => field);
}

describe('ApnsConfig', () => {
  it('needs four settings and knows the rest', () => {
    const { p8: _, ...plain } = readConfig(ApnsConfig, valid);
    expect(plain).toEqual({
      keyId: valid.keyId,
      teamId: valid.teamId,
      bundleId: 'com.example.app',
      environment: 'production',
      productionUrl: 'https://api.push.apple.com',
      sandboxUrl: 'https://api.sandbox.push.apple.com',
      requestTimeoutMs: 10_000,
      connections: 2,
      inFlightPerConnection: 500,
    });
    expect(faultsOf({})).toEqual(expect.arrayContaining(['/keyId', '/teamId', '/p8', '/bundleId']));
  });

  it.each<[string, string, unknown]>([
    ['keyId', 'nine characters', 'ABCDEFGHI'],
    ['keyId', 'lower case', 'abcdefghij'],
    ['teamId', 'eleven characters', 'ABCDEFGHIJK'],
    ['p8', 'an empty text', ''],
    ['p8', 'a number', 8],
    ['p8', 'the path of a key file that exists', keyFile()],
    ['p8', 'an RSA key', rsaKey()],
    ['p8', 'another curve', keyOf('P-384')],
    ['p8', 'a public key', publicKey()],
    ['p8', 'a key without its last line', valid.p8.replace(/-----END.*\n/, '')],
    ['p8', 'damaged base64', valid.p8.replace(/\n.{20}/, '\n')],
    ['p8', 'text around the key', `key: ${valid.p8}`],
    ['bundleId', 'a space', 'com.example app'],
    ['bundleId', 'an empty text', ''],
    ['environment', 'another word', 'staging'],
    ['productionUrl', 'plain http', 'http://127.0.0.1:8443'],
    ['productionUrl', 'no scheme', 'api.push.apple.com'],
    ['sandboxUrl', 'credentials', 'https://user:word@example.com'],
    ['certificateAuthority', 'a path', '/etc/ssl/cert.pem'],
    ['certificateAuthority', 'a key', valid.p8],
    ['requestTimeoutMs', 'too short', 499],
    ['connections', 'none', 0],
    ['connections', 'too many', 11],
    ['inFlightPerConnection', 'more than the library survives', 501],
  ])('refuses %s: %s', (field, _case, value) => {
    expect(new Set(faultsOf({ ...valid, [field]: value }))).toEqual(new Set([`/${field}`]));
  });

  it('takes gateways on loopback with their own authority', async () => {
    const { caPem } = await createAuthority();
    const local = { productionUrl: 'https://127.0.0.1:8443', sandboxUrl: 'https://localhost:2197' };
    expect(faultsOf({ ...valid, ...local, certificateAuthority: caPem })).toEqual([]);
    expect(faultsOf({ ...valid, certificateAuthority: `${caPem}\n${caPem}` })).toEqual([]);
  });

  it('takes a key as operators paste it', () => {
    expect(faultsOf({ ...valid, p8: valid.p8.replaceAll('\n', '\r\n') })).toEqual([]);
    expect(faultsOf({ ...valid, p8: `\n${valid.p8.trim()}` })).toEqual([]);
  });

  it('never quotes the key', () => {
    const p8 = keyOf('P-384');
    const words = JSON.stringify(issuesOf({ ...valid, p8 }));
    expect(words).toContain('curve P-256');
    expect(words).not.toContain(p8.split('\n')[1]);
  });

  it('describes its form', () => {
    expect(secretFields(ApnsConfig)).toEqual(['p8']);
    const schema = configSchema(ApnsConfig);
    expect(schema.required).toEqual(['keyId', 'teamId', 'p8', 'bundleId']);
    expect(schema.properties).toMatchObject({
      p8: { type: 'string', writeOnly: true, format: 'multiline' },
      certificateAuthority: { type: 'string', 'x-advanced': true },
      environment: { enum: ['production', 'sandbox'], default: 'production' },
      inFlightPerConnection: { maximum: 500, default: 500 },
    });
  });
});

describe('device tokens', () => {
  it.each([
    ['c0ffee'.padEnd(64, '0'), true],
    ['C0FFEE'.padEnd(64, '0'), true],
    ['a'.repeat(160), true],
    ['1234567890', false],
    ['a'.repeat(65), false],
    ['a'.repeat(202), false],
    ['g'.repeat(64), false],
    [`../../${'a'.repeat(58)}`, false],
    [`${'a'.repeat(64)}\n`, false],
  ])('%j is one: %j', (token, expected) => {
    expect(apnsManifest.gateway?.identifiers.token?.test(token)).toBe(expected);
  });

  it('are compared in lower case', () => {
    expect(apnsManifest.gateway?.normalize('C0FFEE')).toBe('c0ffee');
  });
});
