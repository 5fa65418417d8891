import { configSchema, ConfigInvalidError, readConfig, secretFields } from '@bellhop/contracts';
import { createAuthority, fcmInstallationId, fcmTestServiceAccount, fcmToken } from '@bellhop/simulators';
import { generateKeyPairSync } from 'node:crypto';
import { FcmConfig, fcmManifest } from './fcm.manifest.js';

const ACCOUNT = fcmTestServiceAccount();
const text = (changes: object = {}): string => JSON.stringify({ ...ACCOUNT, ...changes });
const EC_KEY = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
}).privateKey;

/** What is wrong with the settings, or undefined. */
function faultOf(changes: object): { field: string; message: string } | undefined {
  try {
    readConfig(FcmConfig, { serviceAccount: text(), ...changes });
    return undefined;
  } catch (error) {
    return (error as ConfigInvalidError).issues[0];
  }
}

describe('settings of FCM', () => {
  it('need a service account only', () => {
    expect(readConfig(FcmConfig, { serviceAccount: text() })).toMatchObject({
      transport: 'admin',
      androidStyle: 'notification',
      baseUrl: 'https://fcm.googleapis.com',
      tokenUrl: 'https://oauth2.googleapis.com/token',
      deadlineMs: 30_000,
    });
    expect(() => readConfig(FcmConfig, {})).toThrow(ConfigInvalidError);
  });

  it.each<readonly [title: string, serviceAccount: unknown, message: RegExp]>([
    ['nothing', undefined, /must be (?:the text|a string)/],
    ['an object', ACCOUNT, /must be (?:the text|a string)/],
    ['no JSON', `${text()}}`, /is not JSON/],
    ['a path', '/etc/passwd', /is not JSON/],
    ['a list', '[]', /is not a JSON object/],
    ['null', 'null', /is not a JSON object/],
    ['no project', text({ project_id: undefined }), /has no project_id/],
    ['a project with a slash', text({ project_id: 'a/../b' }), /malformed project_id/],
    ['no e-mail', text({ client_email: undefined }), /has no client_email/],
    ['an e-mail that is none', text({ client_email: 'push' }), /malformed client_email/],
    ['no key', text({ private_key: undefined }), /has no private_key/],
    ['a key without line breaks', text({ private_key: ACCOUNT.private_key.replaceAll('\n', '') }), /cannot be read/],
    ['half a key', text({ private_key: ACCOUNT.private_key.slice(0, 400) }), /cannot be read/],
    ['a key that is a number', text({ private_key: 7 }), /cannot be read/],
    ['an EC key', text({ private_key: EC_KEY }), /not an RSA key/],
  ])('refuse a service account that is %s, without quoting it', (_title, serviceAccount, message) => {
    const fault = faultOf({ serviceAccount });
    expect(fault).toMatchObject({ field: '/serviceAccount', message: expect.stringMatching(message) as string });
    expect(fault?.message).not.toMatch(/BEGIN|iam\.gserviceaccount|bellhop-test|passwd/);
  });

  it.each<readonly [field: string, value: unknown]>([
    ['transport', 'grpc'],
    ['androidStyle', 'both'],
    ['packageName', 'com/example'],
    ['baseUrl', 'http://fcm.googleapis.com'],
    ['baseUrl', 'fcm.googleapis.com'],
    ['tokenUrl', 'http://127.0.0.1/token'],
    ['tokenUrl', 'https://user:secret@host/token'],
    ['certificateAuthority', 'PEM'],
    ['deadlineMs', 99],
    ['deadlineMs', 120_001],
    ['deadlineMs', '30000'],
    ['topic', 'x'],
  ])('refuse %s = %j', (field, value) => {
    expect(faultOf({ [field]: value })).toMatchObject({ field: `/${field}` });
  });

  it('take every setting', async () => {
    const { caPem: certificateAuthority } = await createAuthority();
    const rest = { transport: 'http', androidStyle: 'data', packageName: 'com.example.shop', deadlineMs: 5000 };
    const urls = { baseUrl: 'https://127.0.0.1:8443', tokenUrl: 'https://127.0.0.1:8443/token' };
    expect(faultOf({ ...rest, ...urls, certificateAuthority })).toBeUndefined();
  });

  it('keep the service account secret', () => {
    expect(secretFields(FcmConfig)).toEqual(['serviceAccount']);
    const { properties } = configSchema(FcmConfig) as { properties: Record<string, object> };
    expect(properties.serviceAccount).toMatchObject({ type: 'string', writeOnly: true, format: 'multiline' });
  });
});

describe('devices of FCM', () => {
  const gateway = fcmManifest.gateway!;
  const { identifiers } = gateway;

  it.each([fcmToken(), 'a'.repeat(20), `dGVz-t_9:APA91b${'x'.repeat(130)}`, 'a'.repeat(4096)])('take %#', (token) => {
    expect(identifiers.token?.test(token)).toBe(true);
    expect(gateway.normalize(token)).toBe(token);
  });

  it.each([
    'a'.repeat(19),
    'a'.repeat(4097),
    `${fcmToken()} `,
    `"${fcmToken()}"`,
    `${fcmToken()}\n`,
    `a/b${fcmToken()}`,
  ])('refuse %#', (token) => {
    expect(identifiers.token?.test(token)).toBe(false);
  });

  it('tell installation ids', () => {
    expect(identifiers.fid?.test(fcmInstallationId())).toBe(true);
    expect(identifiers.fid?.test('dGVzdA')).toBe(false);
    expect(identifiers.fid?.test(`${fcmInstallationId()}\n`)).toBe(false);
  });

  it('belong to a package where the settings say so', () => {
    const config = readConfig(FcmConfig, { serviceAccount: text() });
    expect(gateway.appIdentifier(config)).toBeUndefined();
    expect(gateway.appIdentifier({ ...config, packageName: 'com.example.shop' })).toBe('com.example.shop');
  });
});
