import { type PushMessage, type SendItem, signWebhook } from '@bellhop/contracts';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { inspectItem, requestOf } from './webhook.payload.js';

interface Fixture {
  readonly item: Omit<SendItem, 'message'> & {
    readonly message: Omit<PushMessage, 'expiresAt'> & { expiresAt: string };
  };
  readonly secret: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly request: { readonly headers: Readonly<Record<string, string>>; readonly body: string };
}

const FOLDER = path.join(import.meta.dirname, '../fixtures');
const read = (file: string): Fixture => JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8')) as Fixture;
const itemOf = ({ item }: Fixture): SendItem => ({
  ...item,
  message: { ...item.message, expiresAt: new Date(item.message.expiresAt) },
});

describe('what a receiver gets', () => {
  const files = readdirSync(FOLDER);
  it('has examples', () => expect(files.length).toBeGreaterThan(2));

  it.each(files)('%s', (file) => {
    const fixture = read(file);
    const request = requestOf(itemOf(fixture)) ?? { id: '', body: '' };
    expect(request.body).toBe(fixture.request.body);
    expect({
      'webhook-id': request.id,
      'webhook-timestamp': String(fixture.timestamp),
      'webhook-signature': signWebhook({ ...request, secrets: [fixture.secret] }, fixture.timestamp),
    }).toEqual(fixture.request.headers);
  });

  it('is warned of when it is larger than receivers may take', () => {
    const item = itemOf(read('text.json'));
    expect(inspectItem(item).warnings).toEqual([]);
    const large = inspectItem({ ...item, message: { ...item.message, body: '字'.repeat(7_000) } });
    expect(large.warnings).toEqual([expect.stringMatching(/^The body has 21\d\d\d bytes/)]);
    expect(large.rendered?.bytes).toBeGreaterThan(21_000);
  });
});
