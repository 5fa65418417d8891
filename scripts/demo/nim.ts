import { CUSTOMER, FRIEND } from '../../src/sandbox/demo-people.js';
import { NIM_SENDER } from '../../src/sandbox/demo-vendors.js';
import type { Section } from './stage.js';
import { say } from './words.js';

interface Call {
  readonly path: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly answer: string;
}

const STRANGER = 'user_99999';

export const NIM: Section = {
  title: 'NIM pushes to accounts',
  async play(stage) {
    const before = await stage.counters<{ pushes: number }>('nim');
    const { id, mark } = await stage.notify({
      channel: stage.sandbox.vendors.nim.integrationId,
      audience: { users: [CUSTOMER.userId, FRIEND.userId, STRANGER] },
      content: { title: '订单', body: '您的订单已发货', badge: 1 },
    });
    await stage.ended(id);
    const calls = await stage.requests<Call>('nim', mark);
    for (const { path, params, answer } of calls) say(`  ${path}: ${params?.from} → ${params?.to}, answered ${answer}`);
    const told = calls.filter(({ answer }) => answer === '200');
    stage.equal('a signed notification to each account', told.map(({ params }) => params?.to ?? '').sort(), [
      CUSTOMER.userId,
      FRIEND.userId,
    ]);
    stage.check(
      'from the account of the shop',
      told.every(({ params }) => params?.from === NIM_SENDER),
    );
    const { pushes } = await stage.counters<{ pushes: number }>('nim');
    stage.equal('NIM pushes to both', pushes - before.pushes, 2);
    const stranger = (await stage.deliveries(id)).find(({ userId }) => userId === STRANGER);
    stage.equal(`an account that NIM does not know fails (${stranger?.reason})`, stranger?.state, 'failed');
  },
};
