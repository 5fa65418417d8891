import { DiscoveryService } from '@nestjs/core';

/** Marks a provider as an {@link InboundAdapter}. */
export const Inbound = DiscoveryService.createDecorator();

/** Marks a provider as an {@link OutboundChannel}. */
export const Outbound = DiscoveryService.createDecorator();
