import type { App } from '../../access/app.entity.js';
import { notBefore, type Schedule } from '../broadcasts/schedule.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { takesAudience } from './audience-slices.js';
import type { Candidate, ConsideredDevice } from './candidate.js';
import { factsOf, type Intent } from './facts.js';
import { type Facts, type SkipReason, whether } from './whether.js';

export interface PlanContext {
  readonly app: App;
  /** The app's integrations that reach devices. */
  readonly channels: readonly OpenedIntegration[];
  readonly now: Date;
}

/** What is to become of a candidate. The one decision that sending and explaining share. */
export interface DeliveryPlan {
  readonly candidate: Candidate;
  readonly channel: OpenedIntegration | undefined;
  readonly skip: SkipReason | undefined;
  /** Undefined: at once. */
  readonly notBefore: Date | undefined;
}

/** Decides for everybody of a slice. Those whom a vendor takes together become one delivery, each judged alone before. */
export function planDeliveries(
  intent: Intent,
  schedule: Schedule,
  candidates: readonly Candidate[],
  context: PlanContext,
): readonly DeliveryPlan[] {
  const plans = candidates.map((candidate) => planDelivery(intent, schedule, candidate, context));
  const together = plans.filter(isOneOfMany);
  return together.length > 0 ? [joined(together), ...plans.filter((plan) => !isOneOfMany(plan))] : plans;
}

function isOneOfMany({ candidate: { through }, skip }: DeliveryPlan): boolean {
  return !skip && through?.target.kind === 'vendorUser' && takesAudience(through.channel, { kind: 'users' });
}

function joined(plans: readonly DeliveryPlan[]): DeliveryPlan {
  const [first] = plans as [DeliveryPlan];
  const channel = first.channel as OpenedIntegration;
  const users = plans.flatMap(({ candidate: { through } }) =>
    through?.target.kind === 'vendorUser' ? through.target.userId : [],
  );
  const target = { kind: 'audience', audience: { kind: 'users', users } } as const;
  return { ...first, candidate: { userId: null, person: undefined, through: { channel, target } } };
}

/**
 * Decides whether a candidate is told, through which channel, and when. Whatever it reads beside the kind of the device
 * must be known to {@link bearsOn}.
 */
export function planDelivery(
  intent: Intent,
  schedule: Schedule,
  candidate: Candidate,
  { app, channels, now }: PlanContext,
): DeliveryPlan {
  const { person, device, through } = candidate;
  const channel = through?.channel ?? (device && channelFor(device, channels));
  const unreachable = candidate.unreachable ?? (through ? undefined : unreachableBecause(device, channel));
  const zone = device?.timeZone ?? app.timeZone;
  const due = notBefore(schedule, zone, now);
  const facts = factsOf({ intent, person, device, unreachable, timeZone: app.timeZone, now: due ?? now });
  return { candidate, channel, skip: whether(facts), notBefore: due };
}

function unreachableBecause(
  device: ConsideredDevice | undefined,
  channel: OpenedIntegration | undefined,
): Facts['unreachable'] {
  if (!device) return 'no_token';
  if (device.state !== 'active') return 'device_not_active';
  return channel ? undefined : 'no_certificate';
}

/** The integration of the device's gateway that serves its app; an active one before a paused one. */
function channelFor(
  device: Pick<ConsideredDevice, 'gateway' | 'appIdentifier'>,
  channels: readonly OpenedIntegration[],
): OpenedIntegration | undefined {
  const serving = channels.filter(({ plugin, config }) => {
    const served = plugin.outbound?.manifest.gateway?.appIdentifier(config);
    return plugin.id === device.gateway && (!served || !device.appIdentifier || served === device.appIdentifier);
  });
  return serving.find(({ row }) => row.state === 'active') ?? serving[0];
}
