export type { WebhookMode } from './modes.js';
export * from './receiver.js';
