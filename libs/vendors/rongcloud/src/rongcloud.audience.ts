import { type EffectiveAudience, PLATFORMS, type Platform, type SendItem } from '@bellhop/contracts';
import type { Findings } from './rongcloud.findings.js';
import { LIMITS } from './rongcloud.limits.js';
import type { RongCloudConfig } from './rongcloud.manifest.js';
import { faultOfTag, faultOfUser } from './rongcloud.tags.js';

/** Conditions of `/push`. Source: "广播消息方法" and "推送方法", `audience`. */
interface WireAudience {
  readonly is_to_all: boolean;
  readonly userid?: readonly string[];
  readonly tag?: readonly string[];
  readonly tag_or?: readonly string[];
  readonly packageName?: string;
}

/** Who gets a push. */
export interface Addressed {
  readonly platform: readonly string[];
  readonly audience: WireAudience;
}

type TagAudience = Extract<EffectiveAudience, { kind: 'tags' }>;

/** Whom a target means, in RongCloud's words; undefined for devices, which RongCloud does not address. */
export function addressOf(
  target: SendItem['target'],
  config: RongCloudConfig,
  findings: Findings,
): Addressed | undefined {
  switch (target.kind) {
    case 'device':
      findings.issue('/audience', 'must be people: RongCloud addresses no devices');
      return undefined;
    case 'vendorUser':
      return addressUsers([target.userId], config, findings);
    case 'audience':
      return addressAudience(target.audience, config, findings);
  }
}

function addressAudience(audience: EffectiveAudience, config: RongCloudConfig, findings: Findings): Addressed {
  switch (audience.kind) {
    case 'everyone':
      return { platform: platformsOf(audience.platforms, config, findings), audience: { is_to_all: true } };
    case 'users':
      return addressUsers(audience.users, config, findings);
    case 'tags':
      return {
        platform: platformsOf(audience.platforms, config, findings),
        audience: { is_to_all: false, ...tagConditions(audience, config, findings) },
      };
  }
}

/** Beside user ids RongCloud ignores the platforms, and wants them nevertheless. */
function addressUsers(users: readonly string[], config: RongCloudConfig, findings: Findings): Addressed {
  const userid = [...new Set(users)];
  if (userid.length === 0) findings.issue('/audience/users', 'must not be empty');
  if (userid.length > LIMITS.pushUsers) {
    findings.issue('/audience/users', `must have at most ${LIMITS.pushUsers} entries for one push of RongCloud`);
  }
  checkEach('/audience/users', userid, findings, faultOfUser);
  return { platform: platformsOf(PLATFORMS, config, findings), audience: { is_to_all: false, userid } };
}

function tagConditions(audience: TagAudience, config: RongCloudConfig, findings: Findings): Partial<WireAudience> {
  const { packageName } = audience;
  const tag = tagsOf('allOf', audience, config, findings);
  const tagOr = tagsOf('anyOf', audience, config, findings);
  if (tag.length + tagOr.length === 0 && !packageName) findings.issue('/audience', 'must have a condition');
  return {
    ...(tag.length > 0 && { tag }),
    ...(tagOr.length > 0 && { tag_or: tagOr }),
    ...(packageName && { packageName }),
  };
}

function tagsOf(
  list: 'allOf' | 'anyOf',
  audience: TagAudience,
  { tagCharacters }: RongCloudConfig,
  findings: Findings,
): readonly string[] {
  const field = `/audience/${list}`;
  const tags = [...new Set(audience[list])];
  if (tags.length > LIMITS.tags) findings.issue(field, `must have at most ${LIMITS.tags} entries`);
  checkEach(field, tags, findings, (tag) => faultOfTag(tag, tagCharacters));
  return tags;
}

function checkEach(
  field: string,
  items: readonly string[],
  findings: Findings,
  faultOf: (item: string) => string | undefined,
): void {
  for (const [index, item] of items.entries()) {
    const fault = faultOf(item);
    if (fault) findings.issue(`${field}/${index}`, fault);
  }
}

/** Whoever limits a push to no platform means HarmonyOS as well, where RongCloud serves it. */
function platformsOf(
  platforms: readonly Platform[],
  { harmonyOs }: RongCloudConfig,
  findings: Findings,
): readonly string[] {
  const isKnown = platforms.length > 0 && platforms.every((platform) => PLATFORMS.includes(platform));
  if (!isKnown) findings.issue('/audience/platforms', `must have at least one of ${PLATFORMS.join(', ')} and no other`);
  const isUnlimited = PLATFORMS.every((platform) => platforms.includes(platform));
  return harmonyOs && isUnlimited ? [...platforms, 'harmonyOS'] : platforms;
}
