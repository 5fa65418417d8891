import { AUDIENCES, OVERRIDES } from './audiences.js';
import { ECHAT, UDESK } from './customer-service.js';
import { NIM } from './nim.js';
import { PREFERENCES } from './preferences.js';
import { RECEIPTS } from './receipts.js';
import { DELEGATION, TAG_MIRROR } from './rongcloud.js';
import { SCHEDULING } from './scheduling.js';
import { SERVER_API } from './server-api.js';
import type { Section } from './stage.js';
import { TEMPLATES } from './templates.js';
import { WEBHOOKS } from './webhooks.js';

/** What `--all` shows beside the callbacks. The tags that {@link AUDIENCES} sets are used further down. */
export const SECTIONS: readonly Section[] = [
  AUDIENCES,
  OVERRIDES,
  SCHEDULING,
  TAG_MIRROR,
  DELEGATION,
  NIM,
  SERVER_API,
  UDESK,
  ECHAT,
  RECEIPTS,
  TEMPLATES,
  WEBHOOKS,
  PREFERENCES,
];
