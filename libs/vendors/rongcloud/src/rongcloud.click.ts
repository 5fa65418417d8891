import { isRecord, parseJson, RECEIPT_KEY } from '@bellhop/contracts';

/** What the SDK tells an Android app that was opened from a push. Source: "Android 集成指南". */
export interface RongCloudClick {
  readonly packageName: string;
  /** The id that `/push` answered with. Unverified. */
  readonly pushId: string;
  readonly pushContent?: string;
  /** The extras; null when they are no JSON object. */
  readonly extra: Readonly<Record<string, unknown>> | null;
}

export type ClickReading =
  | { readonly ok: true; readonly click: RongCloudClick }
  | { readonly ok: false; readonly code: 'rongcloud.not_a_push_link' | 'rongcloud.push_id_missing' };

/** Reads `rong://<package>/push_message?pushContent=…&pushId=…&extra=<JSON>`. */
export function readClick(link: string): ClickReading {
  const url = URL.parse(link);
  if (url?.protocol !== 'rong:' || !url.hostname || !url.pathname.startsWith('/push_message')) {
    return { ok: false, code: 'rongcloud.not_a_push_link' };
  }
  const pushId = url.searchParams.get('pushId');
  if (!pushId) return { ok: false, code: 'rongcloud.push_id_missing' };
  const pushContent = url.searchParams.get('pushContent') ?? undefined;
  const extra = readExtra(url.searchParams.get('extra'));
  return { ok: true, click: { packageName: url.hostname, pushId, pushContent, extra } };
}

/** Our receipt token in such a link. */
export function receiptOf(link: string): string | undefined {
  const reading = readClick(link);
  const receipt = reading.ok ? reading.click.extra?.[RECEIPT_KEY] : undefined;
  return typeof receipt === 'string' ? receipt : undefined;
}

function readExtra(text: string | null): RongCloudClick['extra'] {
  const value = parseJson(text ?? '');
  return isRecord(value) ? value : null;
}
