import type { RongCloudPlatform, RongCloudShown } from './commands.js';
import {
  integerAt,
  isObject,
  type Members,
  neededText,
  objectAt,
  PARAMETER,
  Refused,
  textAt,
  WRONG_TYPE,
} from './fields.js';

const MAX_BADGE = 9999;
const OWN: ReadonlySet<string> = new Set(['alert', 'title', 'badge', 'contentAvailable', 'extras']);

/** What each platform shows: its own text where it has one, the text for all otherwise. */
export function readShown(notification: Members): Readonly<Record<RongCloudPlatform, RongCloudShown>> {
  const alert = neededText(notification, 'alert');
  const ios = objectAt(notification, 'ios') ?? {};
  return {
    ios: { ...readPlatform(ios, alert), ...readIos(ios) },
    android: readPlatform(objectAt(notification, 'android') ?? {}, alert),
    harmonyOS: readPlatform(objectAt(notification, 'harmonyOS') ?? {}, alert),
  };
}

function readPlatform(members: Members, alert: string): RongCloudShown {
  const own = textAt(members, 'alert');
  if (own === '') throw new Refused(PARAMETER, 'the alert of a platform is empty');
  const extras = readExtras(members);
  const others = Object.entries(members).filter(([name]) => !OWN.has(name));
  return {
    body: own ?? alert,
    silent: false,
    ...(extras && { extras }),
    ...(others.length > 0 && { vendor: Object.fromEntries(others) }),
  };
}

function readExtras({ extras }: Members): Readonly<Record<string, string>> | undefined {
  if (extras === undefined) return undefined;
  if (!isObject(extras) || Object.values(extras).some((value) => typeof value !== 'string')) {
    throw new Refused(WRONG_TYPE, 'extras is not an object of strings');
  }
  return extras as Readonly<Record<string, string>>;
}

/** Title, number and silence exist on iOS alone. */
function readIos(members: Members): Partial<RongCloudShown> {
  const title = textAt(members, 'title');
  const badge = integerAt(members, 'badge');
  const contentAvailable = integerAt(members, 'contentAvailable') ?? 0;
  if (badge !== undefined && badge > MAX_BADGE) throw new Refused(PARAMETER, 'badge is too large');
  if (contentAvailable !== 0 && contentAvailable !== 1) throw new Refused(PARAMETER, 'contentAvailable is not 0 or 1');
  return {
    ...(title !== undefined && { title }),
    ...(badge !== undefined && { badge: Math.max(0, badge) }),
    silent: contentAvailable === 1,
  };
}
