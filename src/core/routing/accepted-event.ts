import type { InboundEvent } from '@bellhop/contracts';

/** An event that waits to be routed. */
export interface AcceptedEvent {
  readonly appId: string;
  readonly id: string;
  readonly integrationId: string;
  readonly callbackId: string;
  readonly event: InboundEvent;
  readonly receivedAt: Date;
}
