import { RECEIPT_KEY } from '@bellhop/contracts';
import { CUSTOMER } from '../../src/sandbox/demo-people.js';
import type { Arrival, Section } from './stage.js';

interface Figures {
  readonly pushed: number;
  readonly delivered: number;
  readonly opened: number;
  readonly deliveredRate: number | null;
  readonly openRate: number | null;
}

interface Report {
  readonly platforms: { readonly ios: Figures; readonly android: Figures };
  readonly total: Figures;
}

export const RECEIPTS: Section = {
  title: 'Receipts and a report',
  async play(stage) {
    const { id, mark } = await stage.notify({
      audience: { users: [CUSTOMER.userId] },
      content: { title: 'Did it arrive?' },
    });
    await stage.ended(id);
    const arrivals = await stage.arrivals(mark);
    const [ios, android] = (['apns', 'fcm'] as const).map((gateway) => receiptOf(arrivals, gateway)) as [
      string,
      string,
    ];
    const forged = ios.slice(0, -4) + (ios.endsWith('AAAA') ? 'BBBB' : 'AAAA');
    const receipts = [
      { receipt: ios, kind: 'opened' },
      { receipt: android, kind: 'delivered' },
      { receipt: forged, kind: 'opened' },
    ];
    const report = async () =>
      (await stage.api<{ data: { status: string }[] }>('POST', '/v1/receipts', { receipts })).data;
    stage.equal(
      'opened and delivered are recorded, a forged one is refused',
      (await report()).map(({ status }) => status),
      ['recorded', 'recorded', 'refused'],
    );
    stage.equal(
      'told again, nothing changes',
      (await report()).map(({ status }) => status),
      ['duplicate', 'duplicate', 'refused'],
    );
    const { platforms, total } = await stage.api<Report>('GET', `/v1/notifications/${id}/report`);
    stage.equal('report: 2 pushed, both delivered, half of them opened', figuresOf(total), [2, 2, 1, 1, 0.5]);
    stage.equal(
      'by platform',
      [figuresOf(platforms.ios), figuresOf(platforms.android)],
      [
        [1, 1, 1, 1, 1],
        [1, 1, 0, 1, 0],
      ],
    );
  },
};

const figuresOf = ({ pushed, delivered, opened, deliveredRate, openRate }: Figures): unknown[] => [
  pushed,
  delivered,
  opened,
  deliveredRate,
  openRate,
];

/** Where apps find it: beside `aps`, or in `data`. */
function receiptOf(arrivals: readonly Arrival[], gateway: Arrival['gateway']): string {
  const payload = arrivals.find((arrival) => arrival.gateway === gateway)?.payload ?? {};
  const { [RECEIPT_KEY]: receipt } = (gateway === 'fcm' ? payload.data : payload) as Readonly<Record<string, string>>;
  return receipt ?? '';
}
