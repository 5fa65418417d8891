import { escapePointer, isRecord, type PushMessage } from '@bellhop/contracts';
import type { Findings } from './rongcloud.findings.js';

export type WirePlatform = 'ios' | 'android' | 'harmonyOS';
export type PlatformOptions = Readonly<Partial<Record<WirePlatform, Readonly<Record<string, unknown>>>>>;

interface Vocabulary {
  /** Set by the message itself. */
  readonly taken: readonly string[];
  /** Names that the vendor's SDKs use, and what they hold. */
  readonly known: Readonly<Record<string, 'text' | 'object'>>;
}

/** Source: the vendor's Go and Java SDKs, notification of `/push`. */
const VOCABULARIES: Readonly<Record<WirePlatform, Vocabulary>> = {
  ios: {
    taken: ['alert', 'title', 'badge', 'contentAvailable', 'extras'],
    known: {
      'thread-id': 'text',
      'apns-collapse-id': 'text',
      'interruption-level': 'text',
      category: 'text',
      richMediaUri: 'text',
    },
  },
  android: {
    taken: ['alert', 'extras'],
    known: { hw: 'object', honor: 'object', mi: 'object', oppo: 'object', vivo: 'object', fcm: 'object' },
  },
  harmonyOS: { taken: ['alert', 'extras'], known: {} },
};

const AT = '/content/vendorOptions/rongcloud';

/** What a caller hands through to RongCloud, per platform. Names that nobody has documented pass with a warning. */
export function optionsOf({ vendorOptions }: PushMessage, findings: Findings): PlatformOptions {
  const options = vendorOptions?.rongcloud ?? {};
  return Object.fromEntries(
    Object.entries(options).flatMap(([platform, members]) =>
      isUsable(platform, members, findings) ? [[platform, members]] : [],
    ),
  );
}

function isUsable(platform: string, members: unknown, findings: Findings): members is Record<string, unknown> {
  const at = `${AT}/${escapePointer(platform)}`;
  if (!Object.hasOwn(VOCABULARIES, platform)) {
    findings.issue(at, `is not known; RongCloud has ${Object.keys(VOCABULARIES).join(', ')}`);
  } else if (isRecord(members)) {
    checkMembers(at, members, VOCABULARIES[platform as WirePlatform], findings);
    return true;
  } else {
    findings.issue(at, 'must be an object');
  }
  return false;
}

function checkMembers(
  at: string,
  members: Readonly<Record<string, unknown>>,
  { taken, known }: Vocabulary,
  findings: Findings,
): void {
  for (const [name, value] of Object.entries(members)) {
    const field = `${at}/${escapePointer(name)}`;
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (taken.includes(name)) findings.issue(field, 'is set by the content itself; use overrides');
    else if (kind === undefined) findings.warn(`${field} is not documented and is passed on as it is`);
    else if (kind === 'text' && typeof value !== 'string') findings.issue(field, 'must be a string');
    else if (kind === 'object' && !isRecord(value)) findings.issue(field, 'must be an object');
  }
}
