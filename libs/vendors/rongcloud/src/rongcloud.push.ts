import { type ChatMessage, type Inspection, isJsonObject, type PushMessage, type SendItem } from '@bellhop/contracts';
import { type Addressed, addressOf } from './rongcloud.audience.js';
import { Findings } from './rongcloud.findings.js';
import { LIMITS } from './rongcloud.limits.js';
import type { RongCloudConfig } from './rongcloud.manifest.js';
import { notificationOf, type WireNotification } from './rongcloud.notification.js';
import { faultOfUser } from './rongcloud.tags.js';

/** Body of `/push`. Sender and message make it a broadcast message, without them it is a push alone. */
export interface WirePush extends Addressed {
  readonly fromuserid?: string;
  readonly message?: { readonly content: string; readonly objectName: string };
  readonly notification?: WireNotification;
}

export interface RenderedPush {
  readonly findings: Pick<Inspection, 'issues' | 'warnings'>;
  /** Undefined when there are issues. */
  readonly body: WirePush | undefined;
  readonly json: string;
}

/** The one place where a message becomes a call: what is inspected is what is sent. */
export function renderPush({ message, target, receipt }: SendItem, config: RongCloudConfig): RenderedPush {
  const findings = new Findings();
  const address = addressOf(target, config, findings);
  const platforms = address?.platform ?? [];
  const notification = shows(message) ? notificationOf(message, receipt, platforms, findings) : undefined;
  const chat = message.chatMessage && chatOf(message.chatMessage, findings);
  if (chat) warnOfBroadcast(message, target, notification, findings);
  const body = { ...address, ...chat, ...(notification && { notification }) };
  const json = JSON.stringify(body);
  checkSize(json, findings);
  return { findings, body: findings.issues.length === 0 ? (body as WirePush) : undefined, json };
}

/** A broadcast message may come without a notification; whoever wants one must say what it shows. */
function shows({ chatMessage, body, title, badge, silent, overrides }: PushMessage): boolean {
  return !chatMessage || silent === true || [body, title, badge, overrides].some((value) => value !== undefined);
}

function chatOf({ from, type, content }: ChatMessage, findings: Findings): Pick<WirePush, 'fromuserid' | 'message'> {
  const at = '/content/chatMessage';
  const fault = faultOfUser(from);
  if (fault) findings.issue(`${at}/from`, fault);
  if (type === '') findings.issue(`${at}/type`, 'must not be empty');
  if ([...type].length > LIMITS.objectNameCharacters) {
    findings.issue(`${at}/type`, `must have at most ${LIMITS.objectNameCharacters} characters`);
  }
  if (content === '') findings.issue(`${at}/content`, 'must not be empty');
  else if (type.startsWith('RC:') && !isJsonObject(content)) {
    findings.issue(`${at}/content`, 'must be the text of a JSON object: the type is one of RongCloud');
  }
  return { fromuserid: from, message: { content, objectName: type } };
}

/** Documented for a push alone. */
function warnOfBroadcast(
  message: PushMessage,
  target: SendItem['target'],
  notification: WireNotification | undefined,
  findings: Findings,
): void {
  for (const field of ['title', 'badge'] as const) {
    if (notification?.ios?.[field] !== undefined) findings.warn(`${field} is not documented for broadcast messages`);
  }
  if (target.kind === 'audience' && target.audience.kind === 'tags' && target.audience.packageName) {
    findings.warn('packageName is not documented for broadcast messages');
  }
  const isLost = !notification && (Object.keys(message.extras).length > 0 || message.deepLink !== undefined);
  if (isLost) findings.warn('extras and deepLink travel with a notification, and there is none without body');
}

function checkSize(json: string, findings: Findings): void {
  const bytes = Buffer.byteLength(json);
  if (bytes < LIMITS.bodyBytes) return;
  findings.issue('/content', `makes a call of ${bytes} bytes; RongCloud takes fewer than ${LIMITS.bodyBytes}`);
}
