import { readFileSync } from 'node:fs';
import path from 'node:path';
import { executed } from '@bellhop/contracts/testing';
import { startNimSimulator } from '@bellhop/simulators';
import { apnsManifest } from '../../libs/channels/apns/src/apns.manifest.js';

interface RegistrationCase {
  readonly id: string;
  readonly field: string;
  readonly value: string;
  readonly expect: 'ok' | 'reject';
}

const file = path.join(import.meta.dirname, '../../libs/vendors/nim/fixtures/validation-cases.json');
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: readonly RegistrationCase[] };
const of = (name: string) => cases.filter(({ field }) => field === name).map((each) => [each.id, each] as const);

/** The other cases are about sending: libs/vendors/nim/src/nim.validation.spec.ts. */
describe('a registration of a NIM client', () => {
  it('has four cases', () => {
    expect([...of('apnsCername'), ...of('deviceToken')].map(([id]) => id)).toEqual([
      'NIM-VAL-01',
      'NIM-VAL-02',
      'NIM-VAL-03',
      'NIM-VAL-04',
    ]);
  });

  it.each(of('deviceToken'))('%s: the shape of the token', (id, { value, expect: verdict }) => {
    expect(apnsManifest.gateway?.identifiers.token?.test(value)).toBe(verdict === 'ok');
    executed('nim/validation-cases.json', id);
  });

  it.each(of('apnsCername'))('%s: the name of the certificate', async (id, { value, expect: verdict }) => {
    const simulator = await startNimSimulator({ appKey: 'key', appSecret: 'secret', accounts: ['user'] });
    expect(simulator.login('user', value)).toBe(verdict === 'ok' ? 200 : 500);
    await simulator.close();
    executed('nim/validation-cases.json', id);
  });
});
