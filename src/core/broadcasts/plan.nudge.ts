export const PLAN_QUEUE = 'plan';

/** A notification whose audience has to be turned into deliveries, one slice at a time. */
export interface PlanNudge {
  readonly appId: string;
  readonly notificationId: string;
}
