import { type ConfigInvalidError, configSchema, readConfig, secretFields } from '@bellhop/contracts';
import { WebhookConfig } from './webhook.manifest.js';

const SECRET = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
const GOOD = { url: 'https://hooks.example.com/bellhop?a=b', secret: SECRET };

/** What is wrong with the settings, or undefined. */
function faultsOf(changes: object): readonly string[] {
  try {
    readConfig(WebhookConfig, { ...GOOD, ...changes });
    return [];
  } catch (error) {
    return (error as ConfigInvalidError).issues.map(({ field }) => field);
  }
}

describe('settings of a webhook', () => {
  it.each([
    {},
    { previousSecret: SECRET },
    { previousSecret: null },
    { url: 'http://127.0.0.1:3000/hooks' },
    { url: 'http://localhost:3000' },
    { url: 'https://[2606:4700::1111]:8443/' },
  ])('may be %j', (changes) => expect(faultsOf(changes)).toEqual([]));

  it.each([
    [{ url: undefined }, '/url'],
    [{ url: 'hooks.example.com' }, '/url'],
    [{ url: 'ftp://hooks.example.com' }, '/url'],
    [{ url: 'https://user:password@hooks.example.com' }, '/url'],
    [{ url: `https://hooks.example.com/${'a'.repeat(2048)}` }, '/url'],
    [{ secret: undefined }, '/secret'],
    [{ secret: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' }, '/secret'],
    [{ secret: 'whsec_c2hvcnQ=' }, '/secret'],
    [{ previousSecret: 'whsec_c2hvcnQ=' }, '/previousSecret'],
    [{ sercet: SECRET }, '/sercet'],
  ])('may not be %j', (changes, field) => expect(new Set(faultsOf(changes))).toEqual(new Set([field])));

  it('seal both secrets', () => {
    expect(secretFields(WebhookConfig)).toEqual(['secret', 'previousSecret']);
    expect(configSchema(WebhookConfig)).toMatchObject({ required: ['url', 'secret'] });
  });
});
